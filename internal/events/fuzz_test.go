package events

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// What Lambda's API model allows in a name and in a qualifier.
var (
	functionWord  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,140}$`)
	qualifierWord = regexp.MustCompile(`^[$a-zA-Z0-9_.-]{1,128}$`)
)

// FuzzDecode holds that no input panics, and that whoever acts on a hint can
// rely on its parts.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		hints, err := Decode(data)
		for _, h := range hints {
			switch {
			case h.Failed || h.Kind == All || h.Kind == Files:
			case !h.Target.Valid():
				t.Errorf("%+v names no target", h)
			case h.Kind != Target && !functionWord.MatchString(h.Function):
				t.Errorf("%+v names no function", h)
			case h.Kind == Key && !qualifierWord.MatchString(h.Qualifier):
				t.Errorf("%+v names no qualifier", h)
			}
		}
		if messages, ok := Batch(data); ok {
			n, bad := 0, false
			for _, m := range messages {
				n += len(m.Hints)
				bad = bad || m.Err != nil
			}
			if n != len(hints) || bad != (err != nil) {
				t.Errorf("Batch and Decode differ: %d hints, errors %v; %d hints, %v", n, bad, len(hints), err)
			}
		}
	})
}
