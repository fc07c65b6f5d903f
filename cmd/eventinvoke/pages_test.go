package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// A page names, in a comment, the script that runs its commands, and above each
// block of commands that cannot run here, why.
var (
	worldComment = regexp.MustCompile(`(?m)^<!-- world: (\S+) -->$`)
	continued    = regexp.MustCompile(`\\\n *`)
	shellBlock   = regexp.MustCompile("(?ms)(?:^<!-- not run: ([^\n]*) -->\n)?^( *)```(?:sh|console)\n(.*?)^ *```$")
)

// shellCommands is a block of a page.
type shellCommands struct {
	notRun string
	lines  []string
}

// repository is the root; scripts run in folders of their own.
var repository = sync.OnceValue(func() string {
	root, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return root
})

// blocksOf gives a page's blocks of commands, without comments, and the script
// that the page names.
func blocksOf(page string) (script string, blocks []shellCommands, err error) {
	text, err := os.ReadFile(filepath.Join(repository(), page))
	if err != nil {
		return "", nil, err
	}
	if m := worldComment.FindSubmatch(text); m != nil {
		script = string(m[1])
	}
	for _, m := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		block := shellCommands{notRun: m[1]}
		for line := range strings.Lines(continued.ReplaceAllString(m[3], " ")) {
			if line, _, _ = strings.Cut(strings.TrimSpace(line), " #"); line != "" {
				block.lines = append(block.lines, strings.TrimSpace(line))
			}
		}
		blocks = append(blocks, block)
	}
	return script, blocks, nil
}

// notRun says what a block must show for its reason to hold. What is not run is
// still checked: see understandable.
var notRun = map[string]*regexp.Regexp{
	"CI does":                 regexp.MustCompile(`^(go run ./cmd/eventinvoke demo|go test ./\.\.\.|eventinvoke demo.*)$`),
	"builds the binary":       regexp.MustCompile(`^make build$`),
	"needs AWS":               regexp.MustCompile(`^(aws|sam) `),
	"needs the network":       regexp.MustCompile(`^go install `),
	"internal/awssim runs it": regexp.MustCompile(`^aws lambda `),
	"needs a cluster":         regexp.MustCompile(`^(helm install|kubectl) `),
	"needs a history that others have filled": regexp.MustCompile(` --read changed --history s3://`),
	"needs people's keys":                     regexp.MustCompile(`^eventinvoke plan sign `),
	"takes minutes":                           regexp.MustCompile(`^(make bench|go test .*-(run|bench) )`),
}

// TestEveryCommandBlockIsRun: each block of commands of each page is run by the
// script that the page names, or its page says why not and that is so.
func TestEveryCommandBlockIsRun(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository(), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range append(pages, filepath.Join(repository(), "README.md"), filepath.Join(repository(), "examples", "README.md")) {
		page, err := filepath.Rel(repository(), page)
		if err != nil {
			t.Fatal(err)
		}
		page = filepath.ToSlash(page)
		script, blocks, err := blocksOf(page)
		if err != nil {
			t.Fatal(err)
		}
		run := 0
		for _, block := range blocks {
			seen++
			if block.notRun == "" {
				run++
				continue
			}
			shows, held := notRun[block.notRun], false
			for _, line := range block.lines {
				held = held || shows != nil && shows.MatchString(line)
				if err := understandable(line); err != nil {
					t.Errorf("%s: %q: %v", page, line, err)
				}
			}
			if !held {
				t.Errorf("%s: nothing in this block bears out %q: %q", page, block.notRun, block.lines)
			}
		}
		if run == 0 {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repository(), script))
		if err != nil || script == "" {
			t.Errorf("%s shows commands: name the script that runs them in a line <!-- world: PATH -->: %v", page, err)
			continue
		}
		if ran := len(regexp.MustCompile(`(?m)^block `+regexp.QuoteMeta(page)+` `).FindAll(text, -1)); ran != run {
			t.Errorf("%s shows %d blocks of commands, and %s runs %d: add a line \"block %s CODE...\" for each, in their order", page, run, script, ran, page)
		}
	}
	if seen < 40 {
		t.Errorf("the pages show %d blocks: are they no longer found?", seen)
	}
}

// understandable checks a command that is not run: it names what exists.
func understandable(line string) error {
	words := strings.Fields(strings.ReplaceAll(line, "'", ""))
	for strings.Contains(words[0], "=") {
		words = words[1:]
	}
	exists := func(path string) error { _, err := os.Stat(filepath.Join(repository(), path)); return err }
	switch words[0] {
	case "eventinvoke":
		root := newRoot(&app{log: slog.New(slog.DiscardHandler)})
		verb, rest, err := root.Find(words[1:])
		if err == nil && verb == root {
			err = fmt.Errorf("no such verb")
		}
		if err != nil {
			return err
		}
		return verb.ParseFlags(rest)
	case "make":
		makefile, err := os.ReadFile(filepath.Join(repository(), "Makefile"))
		if err == nil && !strings.Contains(string(makefile), "\n"+words[1]+": ##") {
			err = fmt.Errorf("no such target")
		}
		return err
	case "aws", "sam":
		for _, word := range words {
			if path := strings.TrimPrefix(word, "file://"); path != word || strings.HasSuffix(path, ".yaml") {
				if err := exists(path); err != nil {
					return err
				}
			}
		}
		return nil
	case "helm":
		return exists(words[3]) // helm install NAME CHART
	case "mkdir", "cp", "export":
		return nil
	case "go":
		return understandableGo(words[1:])
	}
	return fmt.Errorf("no test knows how to check it")
}

// understandableGo checks that packages exist and that -run and -bench choose
// something in them.
func understandableGo(words []string) error {
	folder := ""
	for i, word := range words {
		if path, ours := strings.CutPrefix(word, "github.com/eventinvoke/eventinvoke/"); ours {
			word = "./" + strings.TrimSuffix(path, "@latest")
		}
		kind := map[string]string{"-run": "Test", "-bench": "Benchmark"}[word]
		switch {
		case word == "./...":
		case strings.HasPrefix(word, "./"):
			folder = filepath.Join(repository(), word)
			if _, err := os.Stat(folder); err != nil {
				return err
			}
		case kind != "" && words[i+1] != "^$":
			chosen, err := regexp.Compile(words[i+1])
			if err != nil {
				return err
			}
			files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
			if err != nil {
				return err
			}
			found := false
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				for _, m := range regexp.MustCompile(`(?m)^func (`+kind+`\w+)\(`).FindAllSubmatch(text, -1) {
					found = found || chosen.Match(m[1])
				}
			}
			if !found {
				return fmt.Errorf("%s %s chooses nothing in %s", word, words[i+1], folder)
			}
		}
	}
	return nil
}

// pageRun is how far a script has come in the pages.
type pageRun struct {
	next  map[string]int // by page
	swaps []string       // old, new, ...
}

type pageRuns struct {
	mu sync.Mutex
	of map[*testscript.TestScript]*pageRun
}

func (p *pageRuns) get(ts *testscript.TestScript) *pageRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[*testscript.TestScript]*pageRun{}
	}
	if p.of[ts] == nil {
		p.of[ts] = &pageRun{next: map[string]int{}}
	}
	return p.of[ts]
}

func (p *pageRuns) swap(ts *testscript.TestScript, _ bool, args []string) {
	run := p.get(ts)
	run.swaps = append(run.swaps, args...)
}

// block runs the next block of a page, line by line in a shell. What a line
// exports stays for those after it.
func (p *pageRuns) block(ts *testscript.TestScript, _ bool, args []string) {
	run, page := p.get(ts), args[0]
	_, blocks, err := blocksOf(page)
	ts.Check(err)
	i := run.next[page]
	for i < len(blocks) && blocks[i].notRun != "" {
		i++
	}
	if i == len(blocks) {
		ts.Fatalf("%s has no more blocks to run", page)
	}
	run.next[page] = i + 1
	codes := args[1:]
	if len(codes) != len(blocks[i].lines) {
		ts.Fatalf("%d exit codes for %d commands: %q", len(codes), len(blocks[i].lines), blocks[i].lines)
	}
	exports := ""
	for n, line := range blocks[i].lines {
		line = strings.NewReplacer(run.swaps...).Replace(line)
		if _, program, piped := strings.Cut(line, " | "); piped {
			if _, err := exec.LookPath(strings.Fields(program)[0]); err != nil {
				ts.Logf("skipped, since it is not on this machine: %s", line)
				continue
			}
		}
		if strings.HasPrefix(line, "export ") {
			exports += line + "\n"
		}
		code, stop := strings.CutPrefix(codes[n], "stopped:")
		if stop {
			line = strings.ReplaceAll(untilStopped, "LINE", line)
		}
		exits(ts, false, []string{code, "sh", "-c", exports + line})
	}
}

// untilStopped lets a program that runs until it is stopped say that it is
// there, and stops it.
const untilStopped = `
rm -f said # of the program before
touch said
LINE >said 2>&1 &
tries=0
until grep -q address said; do
	tries=$((tries+1))
	if [ $tries -gt 300 ] || ! kill -0 $!; then cat said; exit 99; fi
	sleep 0.1
done
kill $!
wait $!
code=$?
cat said
exit $code`

// TestExitCodesOfThePage: docs/troubleshooting.md explains all there are.
func TestExitCodesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`).FindAllStringSubmatch(string(page), -1) {
		codes = append(codes, strings.Split(m[1], ", ")...)
	}
	var want []string
	for _, e := range exitMeanings {
		want = append(want, exitCode(e.code).Error()[len("exit code "):])
	}
	if strings.Join(codes, " ") != strings.Join(want, " ") {
		t.Errorf("the page explains the exit codes %v, and there are %v", codes, want)
	}
}

// TestThePageShowsWhatExportWrites: the files on the page are those that the scripts
// of export and import get.
func TestThePageShowsWhatExportWrites(t *testing.T) {
	const path = "../../docs/export.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for _, verb := range []string{"export", "import"} {
		script, err := txtar.ParseFile("testdata/script/" + verb + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		var written string
		for _, f := range script.Files {
			if f.Name == "want.yaml" {
				written = string(f.Data)
			}
		}
		block := regexp.MustCompile("(?s)(<!-- " + verb + "ed -->\n```yaml\n)(.*?)(```\n)")
		if written == "" || !block.MatchString(want) {
			t.Fatal("the page or the script has lost its file of " + verb)
		}
		want = block.ReplaceAllStringFunc(want, func(old string) string {
			m := block.FindStringSubmatch(old)
			return m[1] + written + m[3]
		})
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("go test ./cmd/eventinvoke -update mends it (-script +page):\n%s", diff)
	}
}
