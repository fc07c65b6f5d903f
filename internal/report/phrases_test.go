package report

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/eventinvoke/eventinvoke/internal/awstest"
)

// The goldens are every kind of run in every format: none has a phrase of the SDK's or Go's.
func TestReportsAreInOurWords(t *testing.T) {
	paths, err := filepath.Glob("testdata/*")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d goldens, %v", len(paths), err)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue // what rapid keeps of a property that failed
		}
		if text, err := os.ReadFile(path); err != nil {
			t.Error(err)
		} else if phrase := awstest.ForeignPhrase(string(text)); phrase != "" {
			t.Errorf("%s has %q", path, phrase)
		}
	}
}
