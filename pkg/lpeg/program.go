package lpeg

type opcode uint8

const (
	opEnd           opcode = iota
	opChar                 // one byte c
	opSet                  // one byte of set
	opAny                  // n bytes
	opString               // the string n
	opTryString            // the string n, if it is there
	opSetN                 // n bytes of set
	opClasses              // a byte of each class of list n
	opSpan                 // bytes of set, as many as there are, at least off
	opSpanMax              // the same, at most n
	opSpanByte             // to the next byte c, or to the end
	opSpanString           // to the next string n, or to the end
	opSpanAll              // to the end
	opFindByte             // to the next byte c, or fail
	opFindString           // to the next string n, or fail
	opFindSet              // to the next byte of set, or fail
	opAheadString          // nowhere, or fail where no string n follows
	opTestChar             // jump unless the next byte is c
	opTestSet              // jump unless the next byte is in set
	opTestAny              // jump unless n bytes are left
	opSwitch               // jump by the next byte
	opChoice               // push an alternative
	opCommit               // drop n = 1 alternative, jump
	opPartialCommit        // move the alternative here, jump
	opBackCommit           // return to the alternative's position, jump
	opFail                 // fail
	opFailTwice            // drop the alternative and fail
	opJump                 // jump, n bytes on, which are known to be there
	opLoop                 // jump backwards
	opCall                 // push the return address, jump
	opReturn               // return
	opBehind               // n bytes back
	opFull                 // capture the last off bytes
	opFullSpan             // capture bytes of set, as many as there are, at least off
	opOpen                 // open the capture
	opClose                // close the capture
	opCloseRuntime         // close the capture and ask its function
)

// inst is one instruction. off is the target of a jump, or a length; n is a count, or
// the index of a string, a switch, a list of classes or a capture.
type inst struct {
	op      opcode
	c       byte
	capture CaptureKind
	off     int32
	n       int32
	set     *[256]bool
}

// Site is one capture of a Program. Its address identifies it.
type Site struct {
	kind  CaptureKind
	n     int
	text  string
	value any
	index int
}

// Index returns the number of the capture in its Program, counted from 0.
func (s *Site) Index() int { return s.index }

// Kind returns the kind of the capture.
func (s *Site) Kind() CaptureKind { return s.kind }

// Operand returns what the capture was made with: the table of a Cr, the name
// of a group (a string, a float64, or a value of the host).
func (s *Site) Operand() any { return s.value }

// Name returns the name of a group as text.
func (s *Site) Name() string { return s.text }

// Program is a compiled pattern. It is immutable.
type Program struct {
	code     []inst
	strings  []string
	switches []*jumps
	classes  []classes
	captures []Site
}

// jumps holds a target for each next byte, and behind them one for the end of the
// subject.
type jumps [257]int32

func (t *jumps) next(s string, i int) int {
	if i < len(s) {
		return int(t[s[i]])
	}
	return int(t[256])
}

// Len returns the number of instructions.
func (p *Program) Len() int { return len(p.code) }

// memoryBytes estimates the size of the Program.
func (p *Program) memoryBytes() int {
	sets := 0
	for i := range p.code {
		if p.code[i].set != nil {
			sets++
		}
	}
	// Sets are shared by instructions; a quarter of the sum is near enough.
	return len(p.code)*24 + len(p.captures)*64 + len(p.switches)*1024 + len(p.classes)*320 + sets*64
}

// Compile returns the Program of p, which is kept with p. It fails when p
// refers to a rule and no grammar encloses it, or when its code grows too big.
func (p *Pattern) Compile() (*Program, error) {
	if prog := p.prog.Load(); prog != nil {
		return prog, nil
	}
	prog, err := compile(p)
	if err != nil {
		return nil, err
	}
	p.prog.Store(prog)
	return prog, nil
}
