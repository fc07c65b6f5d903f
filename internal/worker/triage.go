package worker

import (
	"github.com/eventinvoke/eventinvoke/internal/events"
)

// Classified is what remains of the hints of one event.
type Classified struct {
	Everything bool      // a schedule or a fleet file: a pass over everything
	Files      bool      // a stored object changed: read the fleet again
	Triggers   []Trigger // empty when Everything
	Echoes     int       // our own writes, dropped
	Failed     int       // calls that AWS refused, dropped
}

// Classify turns hints into what the worker is to look at.
func Classify(hints []events.Hint) Classified {
	var t Classified
	for _, h := range hints {
		switch {
		case h.Failed:
			t.Failed++
		case h.Echo:
			t.Echoes++
		case h.Kind == events.Files:
			t.Everything, t.Files = true, true
		case h.Kind == events.All:
			t.Everything = true
		default:
			touch := Trigger{Object: Object{h.Target, h.Function}, EventTime: h.EventTime}
			if h.Kind == events.Key && h.WritesRecord() {
				touch.Qualifier, touch.Principal = h.Qualifier, h.Principal
			}
			t.Triggers = append(t.Triggers, touch)
		}
	}
	if t.Everything {
		t.Triggers = nil
	}
	return t
}

// Needed reports whether anything is to be looked at.
func (t Classified) Needed() bool { return t.Everything || len(t.Triggers) > 0 }

// Wake is the wake for what remains. A triage that needs nothing has none.
func (t Classified) Wake(done func(error)) Wake {
	cause := Event
	switch {
	case t.Files:
		cause = Files
	case t.Everything:
		cause = Schedule // somebody else's clock is a clock
	}
	return Wake{Cause: cause, Triggers: t.Triggers, Done: done}
}
