package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/eventinvoke/eventinvoke"

// allowed is the import table: for each package of ours, the packages of ours
// it may import outside its tests. ARCHITECTURE.md explains the picture.
var allowed = map[string][]string{
	"desired":            {"internal/fswait"},
	"ratelimit":          {},
	"reconcile":          {"desired", "ratelimit", "reconcile/callerr", "reconcile/insight"},
	"reconcile/callerr":  {},
	"reconcile/insight":  {"desired"},
	"internal/awslambda": {"desired", "ratelimit", "reconcile", "reconcile/callerr"},
	"internal/history":   {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/awslambda", "internal/bucket", "internal/fights", "internal/shard"},
	"internal/awssim":    {}, // imports nothing of ours, so that it cannot share our mistakes
	"internal/planfile":  {"desired", "reconcile", "reconcile/callerr"},
	"internal/report":    {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/history", "internal/page", "internal/shard"},
	"internal/fleetfile": {"desired"},
	"internal/page":      {},
	"internal/export":    {"desired", "reconcile", "internal/fleetfile"},
	"internal/adopt":     {"desired", "reconcile", "internal/fleetfile"},
	"internal/importer":  {"desired", "internal/fleetfile"},
	"internal/iampolicy": {"desired"},
	"internal/notify":    {"desired", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/awslambda"},
	"internal/signature": {},
	"internal/layout":    {},
	"internal/faulttest": {}, // holds tests only
	"internal/awstest":   {}, // for tests only
	"internal/pacetest":  {}, // for tests only
	"internal/modeltest": {}, // tests only; they know the program by its pages and its output
	"internal/fswait":    {},
	"internal/slice":     {},
	"internal/shard":     {"desired"},
	"internal/s3files":   {"internal/awslambda", "internal/bucket", "internal/fleetfile"},
	"internal/bucket":    {"reconcile", "reconcile/callerr", "internal/awslambda"},
	"internal/events":    {"desired", "reconcile/insight"},
	"internal/fights":    {"desired", "reconcile", "reconcile/insight"},
	"internal/trail":     {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/awslambda", "internal/events", "internal/fights"},
	"internal/observed":  {"desired", "reconcile", "reconcile/insight", "internal/events", "internal/history", "internal/trail"},
	"internal/worker":    {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/events", "internal/fights"},

	"internal/destination":  {"desired", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/awslambda"},
	"internal/organization": {"desired", "ratelimit", "reconcile", "reconcile/callerr", "internal/awslambda"},

	"internal/worker/queue":   {"reconcile", "internal/awslambda", "internal/events", "internal/worker"},
	"internal/worker/watch":   {"desired", "internal/fswait"},
	"internal/worker/web":     {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/page", "internal/worker"},
	"internal/worker/metrics": {"desired", "ratelimit", "reconcile", "reconcile/insight", "internal/worker"},

	"cmd/eventinvoke": {"desired", "ratelimit", "reconcile", "reconcile/callerr", "reconcile/insight", "internal/awslambda", "internal/awssim", "internal/adopt", "internal/destination", "internal/export", "internal/fights", "internal/fswait", "internal/importer", "internal/iampolicy", "internal/history", "internal/notify", "internal/observed", "internal/organization", "internal/planfile", "internal/s3files", "internal/shard", "internal/signature", "internal/events", "internal/worker", "internal/worker/metrics", "internal/worker/queue", "internal/worker/watch", "internal/worker/web", "internal/report", "examples", "internal/trail"},
	"examples":        {},
}

// everywhere are the holders of what every package may import.
var everywhere = []string{"*"}

// guarded lists modules that only some packages may import, and why.
var guarded = []struct {
	prefix  string
	holders []string
	why     string
}{
	{"github.com/aws/aws-sdk-go-v2/aws/arn", everywhere, "it takes strings apart and knows no service"},
	{"github.com/aws/aws-sdk-go-v2/service/lambda", []string{"internal/awslambda"}, "one border to AWS: SDK types stay out of the spine"},
	{"github.com/aws/aws-sdk-go-v2/service/sqs", []string{"internal/worker/queue", "internal/destination"}, "the queue is one source of wakes among others: the loop does not know it"},
	{"github.com/aws/aws-sdk-go-v2/service/s3", []string{"internal/awstest", "internal/bucket", "internal/history", "internal/s3files", "internal/destination"}, "a bucket is one kind of store among others: runs do not know it"},
	{"github.com/aws/aws-sdk-go-v2/service/cloudtrail", []string{"internal/trail"}, "the event history is a witness: nothing else may rely on it"},
	{"github.com/aws/aws-sdk-go-v2/service/eventbridge", []string{"internal/destination", "internal/notify"}, "who is told, and whether a bus exists, is no business of a run"},
	{"github.com/aws/aws-sdk-go-v2/service/sns", []string{"internal/destination", "internal/notify"}, "who is told, and whether a topic exists, is no business of a run"},
	{"github.com/aws/aws-lambda-go/", []string{"cmd/eventinvoke"}, "how the process is started is the program's business"},
	{"github.com/aws/", []string{"internal/awslambda", "internal/awstest", "internal/bucket", "internal/destination", "internal/history", "internal/notify", "internal/organization", "internal/trail", "internal/worker/queue", "internal/s3files"}, "one border to each service of AWS: SDK types stay out of the spine"},
	{"golang.org/x/crypto/", []string{"internal/signature"}, "one place knows keys"},
	{"github.com/hiddeco/sshsig", []string{"internal/signature"}, "one place knows signatures"},
	{"github.com/prometheus/", []string{"internal/worker/metrics"}, "one place names the metrics and bounds their labels"},
	{"github.com/fsnotify/", []string{"internal/worker/watch"}, "one place knows how file systems tell of changes"},
	{"github.com/netresearch/go-cron", []string{"internal/worker"}, "one place decides when a pass runs"},
	{"gopkg.in/yaml.v3", []string{"desired", "internal/awssim", "internal/adopt", "internal/importer"}, "archived upstream: few importers, so that it can be swapped"},
	{"golang.org/x/time/rate", []string{"ratelimit", "internal/awssim"}, "one place decides when to call"},
	{"github.com/spf13/", []string{"cmd/eventinvoke"}, "flags end where the verbs end"},
	{"github.com/johannesboyne/gofakes3", []string{"internal/awstest"}, "an S3 server for tests"},
	{"github.com/google/go-cmp", nil, "for tests only: it may panic"},
	{"pgregory.net/rapid", nil, "for tests only"},
	{"github.com/rogpeppe/go-internal/diff", []string{"internal/adopt"}, "Go's own diff; one place shows how a file changes"},
	{"github.com/rogpeppe/go-internal", nil, "for tests only"},
	{"text/template", nil, "templates call methods by name, so that the linker keeps every method of every type: 10 MB; internal/page writes pages"},
	{"html/template", nil, "templates call methods by name, so that the linker keeps every method of every type: 10 MB; internal/page writes pages"},
	{"unsafe", nil, "nothing here is worth it"},
}

func TestImportsFollowTheTable(t *testing.T) {
	for dir, files := range packages(t) {
		ours, known := allowed[dir]
		if !known {
			t.Errorf("package %s is not in the import table: add it there and to ARCHITECTURE.md, with what it promises", dir)
			continue
		}
		for _, f := range files {
			for _, spec := range f.syntax.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				inner, ok := strings.CutPrefix(imported, module+"/")
				if inner == "internal/slice" && dir != "internal/awssim" {
					continue // it is a part of the language for all others
				}
				if ok && !slices.Contains(ours, inner) {
					t.Errorf("%s imports %s: the table lets %s import only %v, so that decisions stay apart from the outside world", f.path, inner, dir, ours)
				}
				checkGuarded(t, dir, f.path, imported)
			}
		}
	}
}

func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := read(t, "../../ARCHITECTURE.md")
	for dir := range allowed {
		if !strings.Contains(text, "\n| `"+dir+"` |") {
			t.Errorf("ARCHITECTURE.md has no row for %s: say there what it promises", dir)
		}
	}
}

func checkGuarded(t *testing.T, dir, file, imported string) {
	t.Helper()
	for _, g := range guarded {
		if strings.HasPrefix(imported, g.prefix) {
			if !slices.Contains(g.holders, dir) && !slices.Equal(g.holders, everywhere) {
				t.Errorf("%s imports %s, which is kept to %v: %s", file, imported, g.holders, g.why)
			}
			return
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for dir, files := range packages(t) {
		if !slices.ContainsFunc(files, func(f file) bool {
			return f.syntax.Doc != nil && len(f.syntax.Doc.Text()) > 80
		}) {
			t.Errorf("package %s has no package comment: say what comes in, what goes out and what it never does", dir)
		}
	}
}

// loud are calls that only cmd may make.
var loud = map[string]string{
	"fmt.Print": "prints", "fmt.Printf": "prints", "fmt.Println": "prints",
	"log.Fatal": "exits", "log.Fatalf": "exits", "log.Print": "prints", "log.Printf": "prints", "log.Println": "prints",
	"os.Exit": "exits",
}

func TestNothingBelowCmdPrintsOrExits(t *testing.T) {
	exits := map[string]int{}
	for dir, files := range packages(t) {
		for _, f := range files {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := sel.X.(*ast.Ident)
				if !ok {
					return true
				}
				call := pkg.Name + "." + sel.Sel.Name
				if call == "os.Exit" {
					exits[f.path]++
				}
				if does, is := loud[call]; is && dir != "cmd/eventinvoke" {
					t.Errorf("%s calls %s, which %s: below cmd, results are returned and errors are values", f.path, call, does)
				}
				return true
			})
		}
	}
	want := map[string]int{"cmd/eventinvoke/main.go": 1}
	if !maps.Equal(exits, want) {
		t.Errorf("os.Exit is called in %v, want only once, in main: deferred work is lost anywhere else", exits)
	}
}

func TestNoFileIsTooLongToBeOneIdea(t *testing.T) {
	for _, files := range packages(t) {
		for _, f := range files {
			if f.lines > 400 {
				t.Errorf("%s has %d lines: past 400, ask whether it is still one idea", f.path, f.lines)
			}
		}
	}
}

// What builds a release is fixed by content, not by a name that can be moved,
// and what only tests the program is not in the graph of who imports it.
func TestBuildIsPinned(t *testing.T) {
	workflows, err := filepath.Glob("../../.github/workflows/*")
	if err != nil || len(workflows) == 0 {
		t.Fatalf("no workflow is found: %v", err)
	}
	uses := regexp.MustCompile(`uses: *(\S+)(.*)`)
	pinned := regexp.MustCompile(`@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, name := range workflows {
		for _, m := range uses.FindAllStringSubmatch(read(t, name), -1) {
			if !pinned.MatchString(m[0]) {
				t.Errorf("%s uses %s: name the full commit, and its version behind it, because a tag can be moved", filepath.Base(name), m[1])
			}
		}
	}
	if strings.Contains(read(t, "../../go.mod"), "\ntool ") {
		t.Error("go.mod has a tool line: tools go into tools/go.mod, so that their dependencies are nobody else's")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type file struct {
	path   string
	lines  int
	syntax *ast.File
}

// packages parses every non-test Go file of the module, by directory; tools and
// browsertest are modules of their own.
func packages(t *testing.T) map[string][]file {
	t.Helper()
	root := filepath.Join("..", "..")
	found := map[string][]file{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || name == "dist" || name == "tools" || name == "browsertest") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		found[dir] = append(found[dir], file{path: name, lines: strings.Count(string(source), "\n"), syntax: syntax})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("found only %d packages below %s: the test looks in the wrong place", len(found), root)
	}
	return found
}

// TestPagesAreShort: who has to read more than this for four settings reads nothing.
func TestPagesAreShort(t *testing.T) {
	const limit = 20_000 // words of README and docs, as wc counts them
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	words := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		words += len(strings.Fields(string(text)))
	}
	if words > limit {
		t.Errorf("README and docs have %d words, of %d; what repeats can go", words, limit)
	}
}
