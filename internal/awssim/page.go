package awssim

import (
	"encoding/base64"
	"sort"
	"strings"
)

// page is a stretch of a listing.
type page struct {
	start, end int
	next       *string // marker of the rest; nil at the end
}

// page cuts one page from a listing of n things in the order of their ranks. A
// marker holds the rank of the last thing shown, so that a listing that changes
// between two pages neither skips nor repeats what stayed.
func (w *World) page(q *request, n, size int, rank func(int) string) (page, *refusal) {
	p := page{}
	if q.query.Has("Marker") {
		after, ok := q.openMarker(q.query.Get("Marker"))
		if !ok {
			return p, invalidParameter("Invalid pagination key.")
		}
		p.start = sort.Search(n, func(i int) bool { return rank(i) > after })
	}
	w.cut(q, &p, n, size, rank)
	return p, nil
}

// cut ends a page that has a start.
func (w *World) cut(q *request, p *page, n, size int, rank func(int) string) {
	p.end = min(n, p.start+size)
	if p.end-p.start > 1 && q.dice.falls("short_page", w.currentFaults().ShortPage) {
		p.end -= (p.end - p.start) / 2
	}
	if p.end < n && p.end > p.start {
		marker := q.sealMarker(rank(p.end - 1))
		p.next = &marker
	} else if n > 0 && w.currentFaults().EndlessPages {
		again := q.sealMarker("")
		p.next = &again
	}
}

// A marker is opaque, and good for one operation on one function only.
func (q *request) sealMarker(rank string) string {
	return base64.URLEncoding.EncodeToString([]byte(q.op.name + "\n" + q.markerScope() + "\n" + rank))
}

func (q *request) openMarker(marker string) (string, bool) {
	text, err := base64.URLEncoding.DecodeString(marker)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(text), q.op.name+"\n"+q.markerScope()+"\n")
}

func (q *request) markerScope() string {
	n, _ := parseName(q.function)
	return n.name
}
