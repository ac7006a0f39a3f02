package silence

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ErrFull says that there are MaxSilences already.
var ErrFull = errors.New("too many silences")

// ErrUnknown says that there is no silence of that ID.
var ErrUnknown = errors.New("no such silence")

// Store is the silences of one aggregator, in one file.
type Store struct {
	path string
	now  func() time.Time

	mu   sync.Mutex                // of changes
	list atomic.Pointer[[]Silence] // never changed in place; by end, soonest first
}

// Open reads the file at path, if it is there. A file that is damaged is set
// aside under the name path.damaged, so that people are alerted rather than not;
// the error then wraps ErrDamaged and the store is usable. now is the clock.
func Open(path string, now func() time.Time) (*Store, error) {
	s := &Store{path: path, now: now}
	s.list.Store(&[]Silence{})
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	var list []Silence
	if err := json.Unmarshal(data, &list); err != nil {
		if renameErr := os.Rename(path, path+".damaged"); renameErr != nil {
			return nil, fmt.Errorf("set damaged silences aside: %w", renameErr)
		}
		return s, fmt.Errorf("%w: %s: %w; it is now %s.damaged and nothing is silenced", ErrDamaged, path, err, path)
	}
	list = s.lasting(list)
	s.list.Store(&list)
	return s, nil
}

// ErrDamaged is wrapped by Open's error about a file that cannot be understood.
var ErrDamaged = errors.New("silences are damaged")

// List returns the silences that hold now, by their end, soonest first.
func (s *Store) List() []Silence { return s.lasting(*s.list.Load()) }

func (s *Store) lasting(list []Silence) []Silence {
	now := s.now()
	out := make([]Silence, 0, len(list))
	for _, x := range list {
		if x.Until.After(now) {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Silence) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Add begins a silence. ID and Created are set; the silence holds, and is on
// disk, when Add returns.
func (s *Store) Add(x Silence) (Silence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err := x.Check(now); err != nil {
		return Silence{}, err
	}
	list := s.List()
	if len(list) >= MaxSilences {
		return Silence{}, fmt.Errorf("%w: there are %d; remove one first", ErrFull, len(list))
	}
	x.ID, x.Created, x.Until = message.NewUUID().String()[:8], now.UTC(), x.Until.UTC()
	for slices.ContainsFunc(list, func(y Silence) bool { return y.ID == x.ID }) {
		x.ID = message.NewUUID().String()[:8]
	}
	return x, s.replace(append(list, x))
}

// Remove ends a silence at once. The error wraps ErrUnknown if there is none of
// that ID.
func (s *Store) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.List()
	rest := slices.DeleteFunc(slices.Clone(list), func(x Silence) bool { return x.ID == id })
	if len(rest) == len(list) {
		return fmt.Errorf("%w: %q; it may have ended", ErrUnknown, id)
	}
	return s.replace(rest)
}

// replace writes the file as a whole, then changes what holds.
func (s *Store) replace(list []Silence) error {
	list = s.lasting(list)
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("encode silences: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), ".silences-*")
	if err != nil {
		return fmt.Errorf("write silences: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write silences: %w", err)
	}
	s.list.Store(&list)
	return nil
}

// Find returns the silence that ends last of those about a cluster, or about a
// member of a host; false when nothing silences it.
func (s *Store) Find(cluster, member, host string) (Silence, bool) {
	list := *s.list.Load()
	if len(list) == 0 {
		return Silence{}, false
	}
	now := s.now()
	for i := len(list) - 1; i >= 0; i-- {
		if x := &list[i]; x.Until.After(now) && x.Matches(cluster, member, host) {
			return *x, true
		}
	}
	return Silence{}, false
}

// Mute returns m, or, when m is a silenced verdict, a copy of it whose
// alerting_enabled is false.
func (s *Store) Mute(m *message.Message) *message.Message {
	if len(*s.list.Load()) == 0 {
		return m
	}
	cluster, member, host, ok := subject(m)
	if !ok {
		return m
	}
	if _, silenced := s.Find(cluster, member, host); !silenced {
		return m
	}
	return mute(m)
}
