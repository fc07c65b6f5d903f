package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

const (
	// maxFollowers is how many pages may be followed at a time: each costs a look a second.
	maxFollowers = 16
	// followEvery is how often a page is told what has changed.
	followEvery = time.Second
	// heartbeat is how often it is told something in any case, so that both ends and
	// those between them know that the other is there.
	heartbeat = 15 * time.Second
	// writeTime is how long a page may take to read what it is told.
	writeTime = 10 * time.Second
)

// follow tells one page what changes, as server-sent events, until it goes away or
// the worker ends. It runs in the goroutine of its request and starts none.
func (o *Options) follow(w http.ResponseWriter, r *http.Request) {
	select {
	case o.followers <- struct{}{}:
		defer func() { <-o.followers }()
	default:
		w.Header().Set("Retry-After", "30")
		say(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pages are followed already, and no more can be", maxFollowers))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the request has been read, and nothing more comes
	send := func(text []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime)) // a writer without deadlines has none to miss
		_, err := w.Write(text)
		return err == nil && out.Flush() == nil
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	var told map[string]string
	var last time.Time
	for {
		now := time.Now()
		s := o.look(now)
		news := maps.Clone(s.live)
		maps.DeleteFunc(news, func(name, text string) bool { return told != nil && told[name] == text })
		for name := range told {
			if _, still := s.live[name]; !still {
				news[name] = ""
			}
		}
		news["shape"] = s.shape
		text := []byte(":\n\n")
		if told == nil || len(news) > 1 || told["shape"] != s.shape {
			encoded, _ := json.Marshal(news) // of texts alone
			text = append(append([]byte("data: "), bytes.TrimSpace(encoded)...), "\n\n"...)
		}
		if (len(text) > 3 || now.Sub(last) >= heartbeat) && !send(text) {
			return
		} else if len(text) > 3 || now.Sub(last) >= heartbeat {
			last = now
		}
		told = s.live
		told["shape"] = s.shape
		select {
		case <-r.Context().Done():
			return
		case <-o.Done:
			send([]byte("event: bye\ndata: the worker ends\n\n"))
			return
		case <-ticker.C:
		}
	}
}
