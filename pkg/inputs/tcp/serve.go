package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unsafe"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// answerWithin bounds the writing of an answer.
const answerWithin = 10 * time.Second

// readFrames takes framed messages until the connection ends.
func (in *Input) readFrames(ctx context.Context, c net.Conn, stream *inputs.Stream) error {
	frames := message.NewFrameReader(c, in.frames)
	var before message.FrameStats
	var m message.Message
	uncommitted := 0
	for {
		if frames.Buffered() == 0 {
			if uncommitted > 0 {
				if err := stream.Commit(ctx); err != nil {
					return fmt.Errorf("commit messages: %w", err)
				}
				uncommitted = 0
			}
			in.extend(ctx, c)
		}
		payload, err := frames.Next()
		before = in.count(frames.Stats(), before)
		if err != nil {
			if uncommitted > 0 {
				if err := stream.Commit(ctx); err != nil {
					return fmt.Errorf("commit messages: %w", err)
				}
			}
			return ended(err)
		}
		// The strings share the reader's buffer, which stays as it is until the
		// next call of Next: as long as Emit may use them.
		if err := m.UnmarshalString(unsafe.String(unsafe.SliceData(payload), len(payload))); err != nil {
			if in.stats.malformed.Add(1) == 1 {
				in.opt.Logger.Warn("frame holds no message", "input", in.opt.Name, "from", c.RemoteAddr().String(), "size", len(payload), "error", err)
			}
			continue
		}
		if m.Type == SyncType {
			if err := in.confirm(ctx, c, stream, &m); err != nil {
				return err
			}
			uncommitted = 0
			continue
		}
		if m.UUID.IsZero() {
			m.UUID = in.ids.Next()
		}
		if err := stream.Emit(&m); err != nil {
			return fmt.Errorf("emit message: %w", err)
		}
		in.stats.messages.Add(1)
		uncommitted++
	}
}

// confirm commits everything before a sync frame and answers it.
func (in *Input) confirm(ctx context.Context, c net.Conn, stream *inputs.Stream, ask *message.Message) error {
	seq := ask.Field(SeqField)
	if seq == nil || seq.Len() == 0 {
		in.stats.malformed.Add(1)
		return fmt.Errorf("answer %s: it has no field %s", SyncType, SeqField)
	}
	if err := stream.Commit(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("commit messages: %w", err)
	}
	answer := message.Message{UUID: in.ids.Next(), Timestamp: time.Now().UnixNano(), Type: AckType, Hostname: in.opt.Hostname}
	answer.AddField(message.NewField(SeqField, "", seq.At(0)))
	_ = c.SetWriteDeadline(time.Now().Add(answerWithin))
	if _, err := c.Write(message.AppendFramed(nil, &answer)); err != nil {
		return fmt.Errorf("write %s: %w", AckType, err)
	}
	in.stats.acks.Add(1)
	return nil
}

// count adds what a frame reader left out since before.
func (in *Input) count(now, before message.FrameStats) message.FrameStats {
	if now == before {
		return now
	}
	in.stats.skipped.Add(now.SkippedBytes - before.SkippedBytes)
	in.stats.oversized.Add(now.Oversized - before.Oversized)
	in.stats.badSignatures.Add(now.BadSignatures - before.BadSignatures)
	return now
}

// readText takes records cut by the splitter until the connection ends.
func (in *Input) readText(ctx context.Context, c net.Conn, open message.OpenStream) error {
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	t := text{in: in, stream: inputs.Share(s), from: c.RemoteAddr().String()}
	defer t.stream.Close()
	if t.split, err = splitter.New(in.opt.Splitter); err != nil {
		return err
	}
	buf := make([]byte, t.split.Limit()+4096)
	have, last := 0, time.Now()
	for {
		// short waits, so that a decoder can flush what it holds while nobody sends
		_ = c.SetReadDeadline(time.Now().Add(inputs.CommitEvery))
		if ctx.Err() != nil {
			_ = c.SetReadDeadline(time.Unix(1, 0))
		}
		n, err := c.Read(buf[have:])
		have += n
		idle := errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil
		final := err != nil && !idle
		if n > 0 {
			last = time.Now()
		}
		used, emitErr := t.cut(buf[:have], final && in.opt.Splitter.Incomplete(true))
		if emitErr != nil {
			return emitErr
		}
		have = copy(buf, buf[used:have])
		if err := t.stream.Commit(ctx); err != nil {
			return fmt.Errorf("commit records: %w", err)
		}
		switch {
		case final:
			return ended(err)
		case idle && in.cfg.IdleTimeout > 0 && time.Since(last) > in.cfg.IdleTimeout:
			return fmt.Errorf("read: silent for %s (idle_timeout): %w", in.cfg.IdleTimeout, err)
		}
	}
}

// text emits the records of one connection.
type text struct {
	in     *Input
	stream *inputs.Stream
	split  *splitter.Limited
	from   string
	msg    message.Message
}

func (t *text) cut(data []byte, final bool) (used int, err error) {
	for used < len(data) {
		record, advance, err := t.split.Split(data[used:], final)
		if size, tooLong := splitter.IsTooLong(err); tooLong {
			t.in.stats.tooLong.Add(1)
			t.in.opt.Logger.Warn("record too long", "input", t.in.opt.Name, "from", t.from, "size", size, "limit", t.split.Limit())
		} else if err != nil {
			return used, fmt.Errorf("split records: %w", err)
		}
		if advance == 0 {
			break
		}
		used += advance
		if record == nil {
			continue
		}
		t.msg = message.Message{
			UUID: t.in.ids.Next(), Timestamp: time.Now().UnixNano(), Type: t.in.opt.Type, Logger: t.in.opt.Name, Hostname: t.in.opt.Hostname,
			Payload: unsafe.String(unsafe.SliceData(record), len(record)), Fields: t.msg.Fields[:0],
		}
		t.msg.AddString("RemoteAddr", t.from)
		if err := t.stream.Emit(&t.msg); err != nil {
			return used, fmt.Errorf("emit record: %w", err)
		}
		t.in.stats.messages.Add(1)
	}
	return used, nil
}

// ended turns the ordinary ends of a connection into no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("read: %w", err)
}
