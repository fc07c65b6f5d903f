package desired

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// setTo is a setting as one target has it, placeholders filled in.
type setTo struct {
	Value
	to *destination // of a destination that is not none
}

// destination is a destination seen from one target. Its text may still have
// ${function} in it.
type destination struct {
	text     string
	function *Key     // when it is a Lambda function
	wrong    *problem // with the target
	anyName  bool     // of a template: it is right for whatever AWS lets a function be called
}

// value is what a setting comes to in a target. Two values that are equal for one
// function only, one with ${function} and one spelt out, count as different: whoever
// reads the two lines sees that they are.
func (s *scope) value(set *setting) setTo {
	if set.Text() == "" {
		return setTo{Value: set.Value}
	}
	to, known := s.destinations[set.Text()]
	if !known {
		to = newDestination(s.local.fill(set.Text()), s.fleet.Target)
		s.destinations[set.Text()] = to
	}
	if to.text == noneWord {
		return setTo{Value: NoDestination}
	}
	return setTo{Text(to.text), to}
}

// of is the value as one function has it.
func (v Value) of(function string) Value {
	v.text = strings.ReplaceAll(v.text, functionPlaceholder, function)
	return v
}

// template reports whether each function has a destination of its own.
func (to *destination) template() bool { return strings.Contains(to.text, functionPlaceholder) }

// ordinaryName is what AWS lets a function be called today.
//
// The shape of the name is enough: one that AWS would not take is looked at in full.
func ordinaryName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(s) <= documentedFunctionName
}

// of is a template's destination for one function. A name can make it wrong: a queue has
// at most 80 characters, and a bucket no capital letters. Of a fleet with a hundred
// thousand names most are known to be right without a look.
func (to *destination) of(f Setting, function string) (destination, *problem) {
	own := destination{text: strings.ReplaceAll(to.text, functionPlaceholder, function)}
	if !to.anyName || !ordinaryName(function) {
		if wrong := (destinationUse{f, own.text}).check(); wrong != nil {
			return own, wrong
		}
	}
	own.function = calledFunction(own.text)
	return own, nil
}

// calledFunction is the config that a destination is, when it is a Lambda function.
func calledFunction(text string) *Key {
	if !strings.Contains(text, ":lambda:") || strings.Contains(text, "$") {
		return nil
	}
	n, bad := parseName(text)
	if bad != nil {
		return nil
	}
	return n.key()
}

// newDestination fills in a destination and compares it with the target. What the
// target does not know is not compared.
//
// It is made once for each target and text. What is wrong is kept and not reported, because a
// destination that another layer overrules harms nobody.
func newDestination(written string, from Target) *destination {
	to := &destination{text: expand(written, from)}
	if to.template() {
		// The hardest ordinary name: as long as any, with capitals and an underscore. A
		// template that stands this one stands all of them.
		longest := strings.Repeat("A", documentedFunctionName-1) + "_"
		to.anyName = (destinationUse{OnFailure, strings.ReplaceAll(to.text, functionPlaceholder, longest)}).check() == nil
	}
	a, err := arn.Parse(to.text)
	if err != nil {
		return to
	}
	wrong := func(code, message, hint string) { to.wrong = &problem{code, message, hint} }
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
	to.function = calledFunction(to.text)
	return to
}

// key is the record that a full function ARN names.
//
// It is for destinations, which have an account and a region; without a qualifier Lambda
// invokes $LATEST.
func (n ParsedName) key() *Key {
	if n.Qualifier == "" {
		n.Qualifier = Latest
	}
	return &Key{Target{n.Account, n.Region}, Name{n.Function, n.Qualifier}}
}

// checkCalls holds the functions that an entry calls against the entry itself,
// and remembers them for the search for loops.
//
// A function that sends to itself is an error, because Lambda refuses it; one that sends to
// another of its qualifiers is a warning, because that can be meant.
func (r *resolver) checkCalls(from Key, calls []edge) {
	for _, c := range calls {
		switch {
		case c.to == from:
			r.out.once(Problem{Pos: c.pos(), Code: codeOwnDestination,
				Message: fmt.Sprintf("%s of %s is the function itself", c.f, from.Name),
				Hint:    "name another destination, or leave the function out with exclude: Lambda refuses this"})
		case c.to.Target == from.Target && c.to.Function == from.Function:
			r.out.once(Problem{Pos: c.pos(), Code: codeSameFunction,
				Message: fmt.Sprintf("%s of %s is the same function under another qualifier, %s", c.f, from.Name, c.to.Qualifier),
				Hint:    "check it: an event that fails in both may never end"})
		}
		r.edges[from] = append(r.edges[from], c)
	}
}

// edge is a destination of an entry that is itself a function: to gets the
// events, and the field f of by says so.
type edge struct {
	to Key
	by *source
	f  Setting
}

func (e edge) pos() Pos { return e.by.file.pos(e.by.set[e.f].place) }

// maxNamed bounds how many functions of a loop a message lists.
const maxNamed = 6

// checkLoops warns of functions that send events round in a circle. Each
// circle is told once, at its first function in key order.
//
// Only functions of this fleet are followed: what others do with an event is not known.
// Circles across targets are found, since the keys have account and region. The search goes
// depth first; chains of destinations can be as long as the fleet, which Go's stacks bear.
func (r *resolver) checkLoops() {
	var path []Key             // from the start to where the search stands: to meet one of these again closes a circle
	stands := map[Key]int{}    // where on the path, from 1
	finished := map[Key]bool{} // with all that they lead to
	var search func(Key)
	search = func(k Key) {
		path = append(path, k)
		stands[k] = len(path)
		for _, e := range r.edges[k] {
			switch at := stands[e.to]; {
			case e.to == k || finished[e.to] || len(r.edges[e.to]) == 0: // the first is an error of its own
			case at == 0:
				search(e.to)
			default:
				r.out.once(Problem{
					Pos: e.pos(), Code: codeDestinationLoop, Message: "events go round: " + describeLoop(path[at-1:]),
					Hint: "break the circle: each turn is an invocation that is paid for",
				})
			}
		}
		path = path[:len(path)-1]
		finished[k] = true
	}
	for _, k := range slices.SortedFunc(maps.Keys(r.edges), Key.Compare) {
		if !finished[k] {
			search(k)
		}
	}
}

// describeLoop is "a → b → a"; a long loop is cut.
func describeLoop(loop []Key) string {
	var names []string
	for i, k := range loop {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(loop)-i))
			break
		}
		names = append(names, k.Name.String())
	}
	return strings.Join(append(names, loop[0].Name.String()), " → ")
}
