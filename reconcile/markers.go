package reconcile

import "fmt"

// markers follows the pages of one listing, and refuses one that goes in
// circles.
type markers struct {
	current string // of the page to fetch; "" is the first, or the end
	seen    map[string]bool
}

// turn goes on to the page that next marks.
func (m *markers) turn(op, subject, next string) error {
	if m.seen[next] {
		return &CallError{
			Op: op, Subject: subject, Kind: KindBadAnswer,
			Message: fmt.Sprintf("AWS gave the page marker %q twice, so the listing would never end", next),
			Hint:    "run again; if it persists, report it to AWS support",
		}
	}
	if next != "" {
		if m.seen == nil {
			m.seen = map[string]bool{}
		}
		m.seen[next] = true
	}
	m.current = next
	return nil
}
