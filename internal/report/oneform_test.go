package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A target, a config, an error and a count of calls look the same in every document: whatever
// names an account and a region has the label and what --target takes beside them.
func TestOneFormInAllDocuments(t *testing.T) {
	documents, err := filepath.Glob("testdata/*json")
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for in := json.NewDecoder(bytes.NewReader(text)); in.More(); {
			var document any
			if err := in.Decode(&document); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			walkJSON("", document, func(at string, o map[string]any) {
				account, _ := o["account"].(string)
				region, _ := o["region"].(string)
				_, function := o["function"]
				if _, named := o["account"]; named || o["region"] != nil || function || o["target"] != nil {
					met["target"]++
					_, label := o["label"]
					want := account + "/" + region
					if want == "/" {
						want = ""
					}
					if o["target"] != want || !label {
						t.Errorf("%s, %s: a target is %v", name, at, o)
					}
				}
				if _, qualifier := o["qualifier"]; function && !qualifier && !strings.HasPrefix(at, ".unjudged") {
					t.Errorf("%s, %s: a config is %v", name, at, o)
				}
				if failure, ok := o["failure"]; ok {
					t.Errorf("%s, %s: an error is called failure: %v", name, at, failure)
				}
				if e, ok := o["error"].(map[string]any); ok {
					met["error"]++
					keysAre(t, name+" "+at, e, "service", "operation", "subject", "kind", "code", "status", "message", "request_id", "hint")
				}
				operations, _ := o["operations"].([]any)
				for _, op := range operations {
					met["operation"]++
					keysAre(t, name+" "+at, op.(map[string]any), "name", "calls", "ok", "throttled", "conflicts", "faults", "skewed", "refused", "retries")
				}
			})
		}
	}
	for _, what := range []string{"target", "error", "operation"} {
		if met[what] < 20 {
			t.Errorf("only %d of %q were met", met[what], what)
		}
	}
}

func keysAre(t *testing.T, at string, o map[string]any, want ...string) {
	t.Helper()
	for _, key := range want {
		if _, ok := o[key]; !ok {
			t.Errorf("%s: there is no %s in %v", at, key, o)
		}
	}
	for key := range o {
		if !slices.Contains(want, key) {
			t.Errorf("%s: there is %s in %v", at, key, o)
		}
	}
}

// walkJSON visits the objects of a document, each with the keys that lead to it.
func walkJSON(at string, v any, visit func(string, map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for key, inner := range v {
			walkJSON(at+"."+key, inner, visit)
		}
	case []any:
		for _, inner := range v {
			walkJSON(at, inner, visit)
		}
	}
}
