package desired

import (
	"fmt"
	"slices"
	"strings"
)

// edge is a destination of an entry that is itself a function: to gets the
// events, and the field f of by says so.
type edge struct {
	to Key
	by *source
	f  Setting
}

// maxNamed bounds how many functions of a loop a message lists.
const maxNamed = 6

// checkLoops warns of functions that send events round in a circle. Each
// circle is told once, at its first function in key order.
func (r *resolver) checkLoops() {
	keys := make([]Key, 0, len(r.edges))
	for k := range r.edges {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.Compare)
	l := loopSearch{edges: r.edges, state: map[Key]visit{}}
	for _, k := range keys {
		l.search(k, func(loop []Key, closing edge) {
			r.say(closing.by.file, closing.by.set[closing.f].place, Problem{
				Code: codeDestinationLoop, Message: "events go round: " + describeLoop(loop),
				Hint: "break the circle: each turn is an invocation that is paid for",
			})
		})
	}
}

type visit uint8

const (
	unseen visit = iota
	onPath
	done
)

type loopSearch struct {
	edges map[Key][]edge
	state map[Key]visit
}

// search goes depth first with a stack of its own: chains of destinations can
// be as long as the fleet.
func (l *loopSearch) search(start Key, report func(loop []Key, closing edge)) {
	type frame struct {
		key  Key
		next int
	}
	if l.state[start] != unseen {
		return
	}
	l.state[start] = onPath
	path := []frame{{key: start}}
	for len(path) > 0 {
		top := &path[len(path)-1]
		if top.next == len(l.edges[top.key]) {
			l.state[top.key] = done
			path = path[:len(path)-1]
			continue
		}
		e := l.edges[top.key][top.next]
		top.next++
		switch {
		case e.to == top.key: // an error of its own
		case l.state[e.to] == onPath:
			from := slices.IndexFunc(path, func(f frame) bool { return f.key == e.to })
			var loop []Key
			for _, f := range path[from:] {
				loop = append(loop, f.key)
			}
			report(loop, e)
		case l.state[e.to] == unseen && len(l.edges[e.to]) > 0:
			l.state[e.to] = onPath
			path = append(path, frame{key: e.to})
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
