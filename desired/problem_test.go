package desired

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// allProblems loads and resolves, and returns what was found: the errors, or
// else the warnings.
func allProblems(t *testing.T, l Loader, fsys fs.FS, inv Inventory, paths ...string) Problems {
	t.Helper()
	d, err := l.Load(fsys, paths...)
	if err != nil {
		return err.(Problems)
	}
	if err := d.Expired(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		return err.(Problems)
	}
	fleet, err := d.Resolve(Target{}, inv, Selection{})
	if err != nil {
		return err.(Problems)
	}
	return fleet.Warnings
}

// Every file and folder of testdata/problems shows one code: it has the code's
// number in its name, and nothing else wrong with it. Comment lines at its top
// may say what the world around it is:
//
//	# max_bytes: 60            a file may have no more
//	# max_nodes: 10            aliases may add no more
//	# inventory: ACCOUNT/REGION NAME NAME{tag=value}
func TestEveryCodeHasAFixture(t *testing.T) {
	const dir = "testdata/problems"
	fixtures, err := filepath.Glob(dir + "/EI*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range fixtures {
		if filepath.Ext(f) == ".golden" {
			continue
		}
		name := filepath.Base(f)
		t.Run(name, func(t *testing.T) {
			code := name[:len("EI000")]
			seen[code] = true
			l, inv := readDirectives(t, f)
			problems := allProblems(t, l, os.DirFS(dir), inv, name)
			compareGolden(t, strings.TrimSuffix(f, ".yaml")+".golden", problems.Error()+"\n")
			for _, p := range problems {
				if p.Code != code && code != codeTooManyProblems {
					t.Errorf("problem with another code: %s", p)
				}
				if p.Hint == "" {
					t.Errorf("problem without a hint: %s", p)
				}
			}
		})
	}
	for _, code := range Codes() {
		if !seen[code] {
			t.Errorf("%s has no failing fixture in %s", code, dir)
		}
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

var directive = regexp.MustCompile(`(?m)^# (max_bytes|max_nodes|inventory): (.*)$`)

func readDirectives(t *testing.T, path string) (Loader, Inventory) {
	t.Helper()
	files := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files, _ = filepath.Glob(path + "/*")
	}
	var l Loader
	inv := Inventory{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range directive.FindAllStringSubmatch(string(data), -1) {
			n, _ := strconv.Atoi(m[2])
			switch m[1] {
			case "max_bytes":
				l.maxBytes = n
			case "max_nodes":
				l.maxNodes = n
			case "inventory":
				addInventory(inv, m[2])
			}
		}
	}
	return l, inv
}

func addInventory(inv Inventory, line string) {
	words := strings.Fields(line)
	account, region, _ := strings.Cut(words[0], "/")
	found := TargetInventory{Tags: map[string]map[string]string{}}
	for _, w := range words[1:] {
		name, tag, tagged := strings.Cut(strings.TrimSuffix(w, "}"), "{")
		found.Functions = append(found.Functions, name)
		if tagged {
			key, value, _ := strings.Cut(tag, "=")
			found.Tags[name] = map[string]string{key: value}
		}
	}
	inv[Target{account, region}] = found
}

// The examples that explain prints must be true.
func TestExamplesOfCodes(t *testing.T) {
	for _, code := range Codes() {
		e, _ := Explain(code)
		if e.Title == "" || e.Text == "" || (e.Severity != "error" && e.Severity != "warning") || (e.Wrong == "") != (e.Right == "") {
			t.Errorf("%s is not complete: %+v", code, e)
		}
		if e.Wrong == "" {
			continue
		}
		wrong := allProblems(t, Loader{}, oneFile(e.Wrong), nil, "fleet.yaml")
		if len(wrong) != 1 || wrong[0].Code != code {
			t.Errorf("%s: the wrong example gives %q", code, wrong)
		}
		if right := allProblems(t, Loader{}, oneFile(e.Right), nil, "fleet.yaml"); len(right) != 0 {
			t.Errorf("%s: the right example gives %q", code, right)
		}
	}
}
