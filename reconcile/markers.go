package reconcile

import "fmt"

// maxPages bounds a listing that gives a new marker for ever: half a million
// functions, where the largest accounts have tens of thousands.
const maxPages = 10000

// markers follows the pages of one listing, and refuses one that goes in
// circles or never ends.
type markers struct {
	current string // of the page to fetch; "" is the first, or the end
	seen    map[string]bool
}

// turn goes on to the page that next marks.
//
// At the end of the listing current is "" again. The error is a CallError of op and subject,
// of the kind that no repeat mends.
func (m *markers) turn(op, subject, next string) error {
	endless := ""
	switch {
	case m.seen[next]:
		endless = fmt.Sprintf("AWS gave the page marker %q twice, so the listing would never end", next)
	case next != "" && len(m.seen) == maxPages:
		endless = fmt.Sprintf("the listing did not end after %d pages", maxPages)
	}
	if endless != "" {
		return &CallError{
			Service: "lambda", Op: op, Subject: subject, Kind: KindBadAnswer, Message: endless,
			Hint: "run again; if it stays, check that AWS_ENDPOINT_URL leads to AWS, and report it to AWS support",
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
