package lpeg

import "errors"

// Errors of building, compiling and running patterns. Their texts, and those
// of the errors that wrap them, are LPeg's.
var (
	// ErrEmptyLoop refuses a repetition whose body may match nothing.
	ErrEmptyLoop = errors.New("loop body may accept empty string")
	// ErrEmptyRule refuses a rule with a repetition whose body may match nothing.
	ErrEmptyRule = errors.New("empty loop in rule")
	// ErrLeftRecursive refuses a rule that may call itself before it consumed anything.
	ErrLeftRecursive = errors.New("may be left recursive")
	// ErrEmptyGrammar refuses a grammar without an initial rule.
	ErrEmptyGrammar = errors.New("grammar has no initial rule")
	// ErrNotAPattern refuses a grammar rule that is not a pattern.
	ErrNotAPattern = errors.New("is not a pattern")
	// ErrUndefinedRule refuses a reference to a rule the grammar does not have.
	ErrUndefinedRule = errors.New("undefined in given grammar")
	// ErrOutsideGrammar refuses a rule reference that no grammar encloses.
	ErrOutsideGrammar = errors.New("outside a grammar")
	// ErrTooManyRules refuses a grammar with more than 1000 rules.
	ErrTooManyRules = errors.New("grammar has too many rules")
	// ErrNotFixed refuses a look-behind of variable length.
	ErrNotFixed = errors.New("pattern may not have fixed length")
	// ErrBehindCaptures refuses a look-behind with captures.
	ErrBehindCaptures = errors.New("pattern have captures")
	// ErrBehindTooLong refuses a look-behind of more than 255 bytes.
	ErrBehindTooLong = errors.New("pattern too long to look behind")
	// ErrInvalidRange refuses a range that is not two bytes long.
	ErrInvalidRange = errors.New("must have two characters")
	// ErrArgIndex refuses an argument capture outside 1..32767.
	ErrArgIndex = errors.New("invalid argument index")
	// ErrSelectIndex refuses a numbered capture outside 0..32767.
	ErrSelectIndex = errors.New("invalid number")
	// ErrTooManyValues refuses a pattern with more than 65535 names, constants and functions.
	ErrTooManyValues = errors.New("too many Lua values in pattern")
	// ErrTooBig refuses a pattern above the size cap of its Builder.
	ErrTooBig = errors.New("pattern too big")

	// ErrBacktrack stops a match that needs more pending alternatives and calls than Limits.Stack.
	ErrBacktrack = errors.New("backtrack stack overflow")
	// ErrSteps stops a match that used up Limits.Steps.
	ErrSteps = errors.New("pattern step limit exceeded")
	// ErrTooManyCaptures stops a match that made more captures than Limits.Captures.
	ErrTooManyCaptures = errors.New("too many captures")
	// ErrTextTooLong stops a substitution that built more text than Limits.Text.
	ErrTextTooLong = errors.New("captured text too long")
	// ErrNesting stops an evaluation of captures nested, or of matches run within matches, too deeply.
	ErrNesting = errors.New("subcapture nesting too deep")
	// ErrSubjectTooLong refuses a subject of 2 GiB or more.
	ErrSubjectTooLong = errors.New("subject too long")

	// ErrBackReference reports a back capture whose group was not found.
	ErrBackReference = errors.New("back reference")
	// ErrNoArgument reports an argument capture beyond the arguments of the match.
	ErrNoArgument = errors.New("reference to absent extra argument")
	// ErrFoldValue reports a fold without a first value.
	ErrFoldValue = errors.New("no initial value for fold capture")
	// ErrNoCapture reports a numbered capture beyond the captures of its pattern.
	ErrNoCapture = errors.New("no capture")
	// ErrCaptureIndex reports a %n of a string capture beyond the captures of its pattern.
	ErrCaptureIndex = errors.New("invalid capture index")
	// ErrNoValues reports a %n of a string capture that produced no value.
	ErrNoValues = errors.New("no values in capture index")
	// ErrNotText reports a value that is neither a string nor a number where text is wanted.
	ErrNotText = errors.New("value")
	// ErrPosition reports a match-time capture that moved backwards or beyond the subject.
	ErrPosition = errors.New("invalid position returned by match-time capture")
	// ErrResults reports a match-time capture with too many results.
	ErrResults = errors.New("too many results in match-time capture")
	// ErrUnsupported reports a capture the host has no function for.
	ErrUnsupported = errors.New("capture is not supported by this host")
)
