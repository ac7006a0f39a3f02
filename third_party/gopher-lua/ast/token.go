package ast

import (
	"fmt"
)

type Position struct {
	Source string
	Line   int
	Column int
}

// Spot is a Position within a source that is known. The parser copies tokens often.
type Spot struct {
	Line   int
	Column int
}

type Token struct {
	Type int
	Str  string
	Pos  Spot
}

func (self *Token) String() string {
	return fmt.Sprintf("<type:%v, str:%v>", self.Type, self.Str)
}
