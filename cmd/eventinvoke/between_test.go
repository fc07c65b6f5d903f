package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// between stands between the program and a world: it sees each request before
// the world does, and may put an answer of its own in place of the world's. Both
// functions may be nil; they are called one at a time, and must not wait.
type between struct {
	*awssim.World
	before func(*http.Request)
	answer func(*http.Request, *http.Response)
	mu     sync.Mutex
}

func (b *between) Do(r *http.Request) (*http.Response, error) {
	if b.before != nil {
		b.mu.Lock()
		b.before(r)
		b.mu.Unlock()
	}
	response, err := b.World.Do(r)
	if err == nil && b.answer != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.answer(r, response)
	}
	return response, err
}

// body replaces the body of an answer.
func body(r *http.Response, text string) {
	r.Body.Close()
	r.Body = io.NopCloser(strings.NewReader(text))
	r.ContentLength = int64(len(text))
	r.Header.Del("Content-Length")
}

// content is the body of an answer, which stays as it is.
func content(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return string(text)
}

// form is the parameters of a request to STS; nil for any other.
func form(t *testing.T, r *http.Request) url.Values {
	t.Helper()
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Host, "sts.") {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	values, err := url.ParseQuery(string(text))
	if err != nil {
		t.Error(err)
	}
	return values
}

func newWorld(t *testing.T, s *awssim.Scenario) *awssim.World {
	t.Helper()
	world, err := awssim.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return world
}

// readingOf is the part of the JSON output that is about what was read.
type readingOf struct {
	RunID   string `json:"run_id"`
	Summary struct {
		Declared          int `json:"declared"`
		InSync            int `json:"in_sync"`
		ToCreate          int `json:"to_create"`
		Created           int `json:"created"`
		Failed            int `json:"failed"`
		NotAttempted      int `json:"not_attempted"`
		Skipped           int `json:"skipped"`
		Unreadable        int `json:"unreadable"`
		MissingQualifiers int `json:"missing_qualifiers"`
	} `json:"summary"`
	Targets []struct {
		Target, Account, Region string
		Error                   *struct{ Kind, Message, Hint string }
	} `json:"targets"`
	Unreadable []struct {
		Account, Region, Function string
		Error                     struct{ Kind, Message, Hint string }
	} `json:"unreadable"`
}

// through runs plan, audit or apply against a pretend AWS in this process.
func through(t *testing.T, aws simulator, verb, path string, targets ...string) (int, readingOf) {
	t.Helper()
	var out bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: io.Discard}, log: slog.New(slog.DiscardHandler)}
	o := readOptions{
		simulate: "world", simulator: aws,
		fleetOptions:  fleetOptions{targets: targets},
		outputOptions: outputOptions{format: "json", color: "never", quiet: true},
	}
	var err error
	if verb == "apply" {
		err = a.apply(t.Context(), []string{path}, &writeOptions{readOptions: o, yes: true})
	} else {
		err = a.audit(t.Context(), []string{path}, &o)
	}
	code, show := codeOf(err)
	if show && !errors.As(err, new(closingLine)) {
		t.Error(err)
	}
	var reading readingOf
	if err := json.Unmarshal(out.Bytes(), &reading); err != nil {
		t.Fatalf("the output is not JSON: %v\n%s", err, out.String())
	}
	return code, reading
}

// bodyOf is the body of a request, and its length.
func bodyOf(text string) (io.ReadCloser, int64) {
	return io.NopCloser(strings.NewReader(text)), int64(len(text))
}
