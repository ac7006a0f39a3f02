package lua

import "unsafe"

const framesPerSegment = 16

// framesOfHandler is how many frames an error handler may use above the limit.
const framesOfHandler = 32

// What a thread and its frames take in the heap, in bytes.
const (
	sizeOfThread = 512
	sizeOfFrames = framesPerSegment * int(unsafe.Sizeof(callFrame{}))
)

// frameStack holds the call frames of a thread. It grows by segments, so that the
// address of a frame does not change, and keeps them until the thread ends.
type frameStack struct {
	segments []*[framesPerSegment]callFrame
	sp, max  int
}

func newFrameStack(max int) *frameStack {
	return &frameStack{segments: []*[framesPerSegment]callFrame{{}}, max: max}
}

// next returns the frame behind the last one, which the caller fills.
func (cs *frameStack) next() *callFrame {
	i := cs.sp
	if i>>4 == len(cs.segments) {
		cs.grow()
	}
	cs.sp++
	f := &cs.segments[i>>4][i&(framesPerSegment-1)]
	f.Idx = i
	return f
}

func (cs *frameStack) grow() {
	if cs.sp >= cs.max {
		panic("lua callstack overflow")
	}
	cs.segments = append(cs.segments, new([framesPerSegment]callFrame))
}

func (cs *frameStack) Push(v callFrame) {
	f := cs.next()
	v.Idx = f.Idx
	*f = v
}

func (cs *frameStack) Last() *callFrame {
	if cs.sp == 0 {
		return nil
	}
	return cs.At(cs.sp - 1)
}

func (cs *frameStack) Pop() *callFrame {
	cs.sp--
	return cs.At(cs.sp)
}

func (cs *frameStack) At(sp int) *callFrame {
	return &cs.segments[sp>>4][sp&(framesPerSegment-1)]
}

func (cs *frameStack) SetSp(sp int)  { cs.sp = sp }
func (cs *frameStack) Sp() int       { return cs.sp }
func (cs *frameStack) IsFull() bool  { return cs.sp >= cs.max }
func (cs *frameStack) IsEmpty() bool { return cs.sp == 0 }
func (cs *frameStack) FreeAll()      { cs.segments = nil }
