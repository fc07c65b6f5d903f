package awstest

import (
	"io"
	"strings"
	"sync"
)

// ForeignPhrases are what the SDK and Go say about their own layers. Nothing that people
// read has one: it says neither where, nor what, nor how to mend it.
var ForeignPhrases = []string{
	"operation error", "https response error", "http response error", "strconv.", "dial tcp", "IMDS", "ec2imds",
	"deserialization failed", "exceeded maximum number", "cached credentials", "%!", "panic:", "goroutine ",
	"context canceled", "context deadline exceeded", "net/http:", "unmarshal",
}

// ForeignPhrase is one that a text has, or "".
func ForeignPhrase(text string) string {
	for _, phrase := range ForeignPhrases {
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

// PhraseWatch hands on what is written, and remembers a foreign phrase in it.
type PhraseWatch struct {
	To io.Writer

	mu    sync.Mutex
	tail  string // what may be the beginning of one
	found string
}

// Write implements io.Writer.
func (w *PhraseWatch) Write(p []byte) (int, error) {
	w.mu.Lock()
	text := w.tail + string(p)
	if phrase := ForeignPhrase(text); w.found == "" && phrase != "" {
		w.found = phrase + " in: " + text
	}
	w.tail = text[max(0, len(text)-100):]
	w.mu.Unlock()
	return w.To.Write(p)
}

// Found is the first foreign phrase with what it stood in, or "".
func (w *PhraseWatch) Found() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found
}
