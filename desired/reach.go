package desired

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// value is a setting as one target has it, placeholders filled in.
type value struct {
	number int
	text   string
	reach  *reach // of a destination that is not none
}

func (v value) equal(w value) bool { return v.number == w.number && v.text == w.text }

func (v value) String() string {
	switch {
	case v.reach != nil:
		return v.text
	case v.text == noneWord:
		return noneWord
	}
	return fmt.Sprint(v.number)
}

// config is the value as a Config has it.
func (v value) config() Value {
	switch {
	case v.reach != nil:
		return Text(v.text)
	case v.text == noneWord:
		return NoDestination
	}
	return Number(v.number)
}

// reach is a destination seen from one target.
type reach struct {
	text     string
	function *Key // when it is a Lambda function
	wrong    []*flaw
}

func (s *scope) value(set *setting) value {
	switch set.destination {
	case "":
		return value{number: int(set.number)}
	case noneWord:
		return value{text: noneWord}
	}
	to, known := s.reaches[set.destination]
	if !known {
		to = newReach(set.destination, s.fleet.Target)
		s.reaches[set.destination] = to
	}
	return value{text: to.text, reach: to}
}

// newReach fills in a destination and compares it with the target. What the
// target does not know is not compared.
func newReach(written string, from Target) *reach {
	to := &reach{text: expand(written, from)}
	a, err := arn.Parse(to.text)
	if err != nil {
		return to
	}
	wrong := func(code, message, cure string) { to.wrong = append(to.wrong, &flaw{code, message, cure}) }
	differs := func(is, want string) bool { return is != "" && want != "" && is != want && !strings.Contains(is, "$") }
	switch {
	case from.Region != "" && differs(a.Partition, from.Partition()):
		wrong(codeOtherPartition, fmt.Sprintf("%q is in the partition %s, the target %s in %s", shorten(to.text), a.Partition, from, from.Partition()),
			"use a destination of the target's own partition; ${partition} stands for it")
	case differs(a.Region, from.Region):
		wrong(codeOtherRegion, fmt.Sprintf("%q is in %s, the target %s is not", shorten(to.text), a.Region, from),
			"check it: delivery to another region may be refused; ${region} stands for the target's own")
	case a.Service == "events" && differs(a.AccountID, from.Account):
		wrong(codeOtherAccountBus, fmt.Sprintf("%q is a bus of account %s, the target is %s", shorten(to.text), a.AccountID, from),
			"use a bus of the target's own account, and forward from there")
	}
	if a.Service == "lambda" && !strings.Contains(to.text, "$") {
		if n, bad := parseName(to.text); bad == nil {
			to.function = n.key()
		}
	}
	return to
}

// key is the record that a full function ARN names.
func (n ParsedName) key() *Key {
	if n.Qualifier == "" {
		n.Qualifier = Latest
	}
	return &Key{Target{n.Account, n.Region}, Name{n.Function, n.Qualifier}}
}

func (r *resolver) checkReach(s *scope, by *source, f Setting, to *reach) {
	for _, wrong := range to.wrong {
		p := wrong.at(Pos{})
		p.Message = f.String() + " " + p.Message
		r.say(by.file, by.set[f].place, p)
	}
}

// checkCalls holds the functions that an entry calls against the entry itself,
// and remembers them for the search for loops.
func (r *resolver) checkCalls(from Key, calls []edge) {
	for _, c := range calls {
		at := c.by.set[c.f].place
		switch {
		case c.to == from:
			r.say(c.by.file, at, Problem{Code: codeOwnDestination,
				Message: fmt.Sprintf("%s of %s is the function itself", c.f, from.Name),
				Hint:    "name another destination, or leave the function out with exclude: Lambda refuses this"})
		case c.to.Target == from.Target && c.to.Function == from.Function:
			r.say(c.by.file, at, Problem{Code: codeSameFunction,
				Message: fmt.Sprintf("%s of %s is the same function under another qualifier, %s", c.f, from.Name, c.to.Qualifier),
				Hint:    "check it: an event that fails in both may never end"})
		}
		r.edges[from] = append(r.edges[from], c)
	}
}
