package desired

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const plainEntry = "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n"

func TestStrictness(t *testing.T) {
	entry := func(line string) string { return "version: 1\nfunctions:\n  - name: orders\n    " + line + "\n" }
	for _, row := range []struct{ why, yaml, want string }{
		{"the spellings of a number that YAML versions disagree about", entry(`maximum_retry_attempts: "2"`),
			`fleet.yaml:4:29: EI008 maximum_retry_attempts "2" is not a plain integer; write 2 if that is what you mean`},
		{"a fraction", entry(`maximum_event_age_in_seconds: 3600.0`),
			`fleet.yaml:4:35: EI008 maximum_event_age_in_seconds 3600.0 is not a plain integer; write 3600 if that is what you mean`},
		{"another base", entry(`maximum_event_age_in_seconds: 0x100`),
			`fleet.yaml:4:35: EI008 maximum_event_age_in_seconds 0x100 is not a plain integer; write 256 if that is what you mean`},
		{"a real fraction has no near integer", entry(`maximum_retry_attempts: 1.5`),
			`fleet.yaml:4:29: EI008 maximum_retry_attempts 1.5 is not a plain integer; use 0 to 2`},
		{"a negative number is out of range, not unreadable", entry(`maximum_retry_attempts: -1`),
			`fleet.yaml:4:29: EI007 maximum_retry_attempts -1 is below 0; use 0 to 2`},
		{"more digits than an int has", entry(`maximum_retry_attempts: 99999999999999999999`),
			`fleet.yaml:4:29: EI007 maximum_retry_attempts 99999999999999999999 is above 2; use 0 to 2`},
		{"a word for a number", entry(`maximum_retry_attempts: two`),
			`fleet.yaml:4:29: EI003 maximum_retry_attempts is the string "two", not a number; write a number`},
		{"yes is no truth value in YAML 1.2", entry(`remove: yes`),
			`fleet.yaml:4:13: EI003 remove is the string "yes", not true or false; write true or false`},
		{"none in capitals is a slip", entry(`on_failure: None`),
			`fleet.yaml:4:17: EI040 on_failure "None" is not an ARN; did you mean none?`},
		{"an empty text is not none", entry(`on_failure: ""`),
			`fleet.yaml:4:17: EI005 on_failure is an empty string; give it a value, or delete the key`},
		{"a tilde is an empty value", entry(`on_failure: ~`),
			`fleet.yaml:4:5: EI005 on_failure has no value; write none for no destination, or delete the key to leave the setting alone`},
		{"explicit tags hide what is meant", entry(`maximum_retry_attempts: !!int "2"`),
			`fleet.yaml:4:29: EI008 maximum_retry_attempts "2" is not a plain integer; write 2 if that is what you mean`},
		{"a tag on a text", entry(`on_failure: !secret none`),
			`fleet.yaml:4:17: EI003 on_failure is a value with the tag !secret, not a string; remove the tag !secret`},
		{"a key that is a list", "version: 1\n? [a, b]\n: c\n" + plainEntry,
			`fleet.yaml:2:3: EI001 a key that is not a plain word is not a key of a fleet file; use version, targets, defaults, rules, functions, ignore, require, guard, undeclared, missing_functions, missing_qualifiers`},
		{"a mapping for a list", "version: 1\nfunctions:\n  name: orders\n",
			`fleet.yaml:3:3: EI003 functions is a mapping, not a list; write a list, each item with - name: NAME; in serverless.yml functions is a mapping`},
		{"an empty list", "version: 1\nrules: []\n" + plainEntry,
			`fleet.yaml:2:8: EI005 rules is empty; fill it, or delete the key`},
		{"an empty file may have been cut short", "# nothing yet\n",
			`fleet.yaml: EI004 the file is empty; begin it with version: 1, or leave it out`},
		{"no version", plainEntry, `fleet.yaml:1:1: EI004 a fleet file has no version; add version`},
		{"an account in quotes that is short", "version: 1\ntargets:\n  - { name: a, account: \"123\", regions: [us-east-1] }\n" + plainEntry,
			`fleet.yaml:3:25: EI020 account "123" is not an account id; write its twelve digits in quotes, such as "111111111111"`},
		{"a list where the whole file is due", "- version: 1\n",
			`fleet.yaml:1:1: EI003 a fleet file is a list, not a mapping; write a mapping with version, targets, defaults, rules, functions, ignore, require, guard, undeclared, missing_functions, missing_qualifiers`},
		{"a rate above the quota", "version: 1\ntargets:\n  - { name: a, account: \"111111111111\", regions: [us-east-1], rate_share: 1.5, quota: 0 }\n" + plainEntry,
			"fleet.yaml:3:75: EI007 rate_share 1.5 is out of range; use 0.1 to 1\nfleet.yaml:3:87: EI007 quota 0 is out of range; use more than 0"},
		{"a date, a truth value and a fraction where names are due", "version: 1\nfunctions:\n  - { name: 2024-01-02, on_failure: none }\n  - { name: true, on_failure: none }\n  - { name: 1.5, on_failure: none }\n",
			"fleet.yaml:3:13: EI003 name 2024-01-02 is not quoted, and YAML reads it as a date; write \"2024-01-02\"\n" +
				"fleet.yaml:4:13: EI003 name true is not quoted, and YAML reads it as a boolean; write \"true\"\n" +
				"fleet.yaml:5:13: EI003 name 1.5 is not quoted, and YAML reads it as a number; write \"1.5\""},
		{"tags that are empty, stand twice, or are numbers", "version: 1\nrules:\n  - match: { tags: { a: , b: \"1\", b: \"2\", 3: x, c: 4 } }\n    set: { on_failure: none }\n",
			"fleet.yaml:3:22: EI005 a has no value; give it a value, or delete the key\n" +
				"fleet.yaml:3:35: EI002 b is here twice, first at line 3; keep one of them\n" +
				"fleet.yaml:3:43: EI003 a tag key 3 is not quoted, and YAML reads it as a number; write \"3\"\n" +
				"fleet.yaml:3:52: EI003 the tag \"c\" 4 is not quoted, and YAML reads it as a number; write \"4\""},
		{"a rule that sets nothing, without defaults that would", "version: 1\nrules:\n  - { name: idle, match: { functions: [\"*\"] } }\n  - match: { functions: [a] }\n" + plainEntry,
			"fleet.yaml:3:5: EI019 the rule \"idle\" sets nothing; add set with a field, or delete the rule\n" +
				"fleet.yaml:4:5: EI019 the rule rules[1] sets nothing; add set with a field, or delete the rule"},
		{"settings where lists, mappings and words are due", "version: 1\nundeclared: [report]\nguard: { max_changes: [1], max_errors: -1 }\ntargets:\n  - { name: a, account: \"111111111111\", regions: us-east-1, quota: fast, rate_share: \"0.5\" }\nfunctions:\n  - { name: a, maximum_retry_attempts: [1] }\n  -\n",
			"fleet.yaml:2:13: EI003 undeclared is a list, not report or delete; write report or delete\n" +
				"fleet.yaml:3:23: EI003 max_changes is a list, not a number or a share; write a number or a share\n" +
				"fleet.yaml:3:40: EI070 max_errors \"-1\" is neither a number nor a share; use a whole number such as 25, or a share such as 30%, from 0% to 100%\n" +
				"fleet.yaml:5:50: EI003 regions is the string \"us-east-1\", not a list; write a list\n" +
				"fleet.yaml:5:68: EI003 quota is the string \"fast\", not a number; write a number\n" +
				"fleet.yaml:5:86: EI003 rate_share is the string \"0.5\", not a number; write a number\n" +
				"fleet.yaml:7:40: EI003 maximum_retry_attempts is a list, not a number; write a number\n" +
				"fleet.yaml:8:4: EI005 an item of functions is empty; fill it, or delete the line"},
		{"an ARN whose region is of another partition", "version: 1\nfunctions:\n  - { name: \"arn:aws:lambda:cn-north-1:111111111111:function:f\", on_failure: none }\n",
			"fleet.yaml:3:13: EI030 the region cn-north-1 is in the partition aws-cn, not aws; write the ARN with its own partition"},
		{"a target with the label of another", "version: 1\ntargets:\n  - { name: a, account: \"111111111111\", regions: [us-east-1] }\n  - { name: a, account: \"222222222222\", regions: [us-east-1] }\n" + plainEntry,
			"fleet.yaml:4:13: EI024 the label \"a\" is taken by the target at fleet.yaml:3:13; give each target its own label"},
		{"an unknown label is told once, not as an ARN out of place too", "version: 1\ntargets:\n  - { name: a, account: \"111111111111\", regions: [us-east-1] }\nfunctions:\n  - { name: \"222222222222:function:f\", targets: [bb], on_failure: none }\n",
			"fleet.yaml:5:50: EI025 no target is called \"bb\"; use a"},
		{"a label where no targets are declared", "version: 1\nfunctions:\n  - { name: a, targets: [prod], on_failure: none }\n",
			"fleet.yaml:3:26: EI025 no target is called \"prod\"; declare it under targets"},
		{"a reference to nothing", entry("on_failure: *dlq"),
			`fleet.yaml:1:1: EI009 the file is not YAML: unknown anchor 'dlq' referenced; check indentation, quotes and brackets around this line; nothing below was read`},
	} {
		t.Run(row.why, func(t *testing.T) {
			got := allProblems(t, Loader{}, oneFile(row.yaml), nil, "fleet.yaml").Error()
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.yaml, diff)
			}
		})
	}
}

func TestAllProblemsAtOnceSorted(t *testing.T) {
	fsys := files(
		"b.yaml", "version: 1\nfunctions:\n  - name: a\n    colour: red\n  - name: b\n    maximum_retry_attempts: 7\n",
		"a.yaml", "version: 3\nguard: { max_changes: many }\nfunctions:\n  - name: \"a:b:c\"\n",
		"c.yaml", "version: 1\nfunctions:\n  - { name: z, on_failure: none }\n  - { name: z, on_failure: none }\n",
	)
	_, err := Load(fsys, ".")
	want := `a.yaml:1:10: EI010 version is the number 3, and only 1 is known; write version: 1
a.yaml:2:23: EI070 max_changes "many" is neither a number nor a share; use a whole number such as 25, or a share such as 30%, from 0% to 100%
a.yaml:4:11: EI030 "a:b:c" has too many colons; write NAME, NAME:QUALIFIER, ACCOUNT:function:NAME or a full function ARN
b.yaml:4:5: EI001 "colour" is not a key of an entry of functions; use name, qualifier, targets, remove, maximum_retry_attempts, maximum_event_age_in_seconds, on_success, on_failure
b.yaml:6:29: EI007 maximum_retry_attempts 7 is above 2; use 0 to 2
c.yaml:4:5: EI034 z is declared at c.yaml:3:5 already; keep one entry`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		t.Fatalf("the error is a %T", err)
	}
	last := problems[len(problems)-1]
	if diff := cmp.Diff([]Pos{{"c.yaml", 3, 5}}, last.Related); diff != "" {
		t.Errorf("the other place of the duplicate: %s", diff)
	}
}

// Comments and empty lines, wherever, do not hide which line is indented unlike the others.
func TestTheWrongIndentationIsFound(t *testing.T) {
	lines := []string{"version: 1", "functions:", "  - name: orders", "    on_failure: none", "   qualifier: live", "    maximum_retry_attempts: 0"}
	for _, blank := range []string{"", "    ", "# a comment", "      # a comment", "  #"} {
		for at := 1; at <= 4; at++ {
			text := strings.Join(slices.Insert(slices.Clone(lines), at, blank), "\n") + "\n"
			_, err := Load(oneFile(text), "fleet.yaml")
			if err == nil || !strings.HasPrefix(err.Error(), "fleet.yaml:6:4: EI009 ") || !strings.Contains(err.Error(), "this line is indented unlike") {
				t.Errorf("%q at line %d: %v", blank, at+1, err)
			}
		}
	}
}

func TestWhichFilesAreRead(t *testing.T) {
	entry := func(name string) string {
		return fmt.Sprintf("version: 1\nfunctions:\n  - { name: %s, on_failure: none }\n", name)
	}
	fsys := files("fleet/a.yaml", entry("a"), "fleet/deep/er/b.yml", entry("b"), "fleet/.hidden.yaml", "[", "fleet/.git/c.yaml", "[",
		"fleet/notes.txt", "[", "other.yaml", entry("other"), "odd[name].yaml", entry("odd"))
	for _, row := range []struct {
		why   string
		paths []string
		want  []string
	}{
		{"a directory: all YAML below it that is not hidden", []string{"fleet"}, []string{"fleet/a.yaml", "fleet/deep/er/b.yml"}},
		{"two stars cross folders", []string{"fleet/**/*.yml"}, []string{"fleet/deep/er/b.yml"}},
		{"one star does not", []string{"fleet/*.yaml"}, []string{"fleet/a.yaml"}},
		{"a file that is named twice is read once", []string{"fleet/a.yaml", "./fleet", "fleet/*.yaml"}, []string{"fleet/a.yaml", "fleet/deep/er/b.yml"}},
		{"a name with brackets that exists is a name", []string{"odd[name].yaml"}, []string{"odd[name].yaml"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			var got []string
			for _, f := range mustLoad(t, fsys, row.paths...).Files() {
				got = append(got, f.Path)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := Load(fsys, "fleet/**/*.yml", "nowhere/*.yaml", "gone.yaml"); err == nil || strings.Count(err.Error(), codeNoSuchPath) != 2 {
		t.Errorf("paths without files: %v", err)
	}
	if _, err := Load(fsys); err == nil {
		t.Error("no path at all was accepted")
	}
	if _, err := Load(fsys, ""); err == nil || !strings.Contains(err.Error(), codeNoSuchPath) {
		t.Errorf("an empty path, as an unset variable gives: %v", err)
	}
}

func TestOperatingSystemFiles(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "..data")
	for _, err := range []error{
		os.Mkdir(data, 0o755), os.Mkdir(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(data, "fleet.yaml"), []byte("version: 1\n"+plainEntry), 0o644),
		os.Symlink(filepath.Join("..data", "fleet.yaml"), filepath.Join(dir, "fleet.yaml")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ why, path string }{
		{"an absolute folder, as a mounted ConfigMap has it: a link into a hidden folder", dir},
		{"an absolute pattern", dir + "/**/*.yaml"},
		{"a path that goes up", filepath.Join(dir, "sub") + "/../fleet.yaml"},
	} {
		d, err := LoadFiles(row.path)
		if err != nil || len(d.Files()) != 1 || d.Files()[0].Path != filepath.ToSlash(filepath.Join(dir, "fleet.yaml")) {
			t.Errorf("%s: %v %v", row.why, d, err)
		}
	}
	t.Chdir(filepath.Join(dir, "sub"))
	if d, err := LoadFiles("../fleet.yaml"); err != nil || d.Files()[0].Path != "../fleet.yaml" {
		t.Errorf("a relative path that goes up: %v", err)
	}
	d, err := Loader{Stdin: strings.NewReader("version: 1\n" + plainEntry)}.LoadFiles("-")
	if err != nil {
		t.Fatal(err)
	}
	want := FileInfo{Path: "<stdin>", SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte("version: 1\n"+plainEntry)))}
	if got := d.Files()[0]; got != want {
		t.Errorf("standard input: %+v, want %+v", got, want)
	}
}

func TestDocumentsOfOneFile(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\ndefaults: { maximum_retry_attempts: 1 }\nfunctions:\n  - name: a\n---\nversion: 1\nfunctions:\n  - name: b\n---\n"))
	f := mustResolve(t, d, east, nil)
	if got := f.Targets[0].Entries[1]; got.Function != "b" || got.Want[MaximumRetryAttempts] != Number(1) || got.Origins.Entry.LayerName() != "functions[1]" {
		t.Errorf("the second document is not part of the same file: %+v", got)
	}
}

func TestAliasesAreValues(t *testing.T) {
	d := mustLoad(t, oneFile("version: 1\nfunctions:\n  - { name: a, on_failure: &dlq \"arn:aws:sqs:us-east-1:111111111111:dlq\" }\n  - { name: b, on_failure: *dlq }\n"))
	f := mustResolve(t, d, east, nil)
	a, b := f.Targets[0].Entries[0], f.Targets[0].Entries[1]
	if *a.Want != *b.Want || b.Origins.Settings[OnFailure].Line != 4 {
		t.Errorf("%+v %+v", a, b)
	}
}

// Hostile input must end with a clear problem, in bounded memory.
func TestHostileInput(t *testing.T) {
	bomb := "version: 1\nx0: &x0 [a, b, c, d, e, f, g, h, i, j]\n"
	for i := 1; i < 30; i++ {
		bomb += fmt.Sprintf("x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", "))
	}
	used := "version: 1\nrules:\n  - match: { functions: &n [aa"
	for i := range 2000 {
		used += fmt.Sprintf(", a%d", i)
	}
	used += "] }\n    set: &s { maximum_retry_attempts: 0 }\n" + strings.Repeat("  - { match: { functions: *n }, set: *s }\n", 2000)
	for _, row := range []struct{ why, yaml, code string }{
		{"an alias bomb under keys that nobody reads", bomb, codeUnknownKey},
		{"an alias bomb in keys that are read", used, codeTooManyAliases},
		{"a value that contains itself", "version: 1\nfunctions: &f\n  - *f\n", codeWrongType},
		{"nesting far deeper than any reader would follow", "version: 1\nfunctions: " + strings.Repeat("[", 100_000), codeSyntax},
		{"nesting as deep as the parser allows", "version: 1\nfunctions: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), codeWrongType},
		{"a hundred thousand problems", "version: 1\nfunctions:\n" + strings.Repeat("  - {}\n", 100_000), codeTooManyProblems},
		{"a file beyond the limit", "version: 1\nfunctions:\n" + strings.Repeat("#", maxFileBytes), codeTooLarge},
	} {
		t.Run(row.why, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(oneFile(row.yaml), "fleet.yaml")
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), row.code) {
				t.Errorf("want %s, got %.300v", row.code, err)
			}
			if n := len(err.(Problems)); n > maxShown+1 {
				t.Errorf("%d problems are shown", n)
			}
			if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 1<<30 {
				t.Errorf("%d MB are held", used>>20)
			}
		})
	}
}

// refusing is a file system in which one file may not be read.
type refusing struct{ fs.FS }

func (r refusing) Open(name string) (fs.File, error) {
	if name == "secret.yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.FS.Open(name)
}

// What cannot be read below a folder is named itself, all of it, however the folder was named.
func TestUnreadableBelowAFolder(t *testing.T) {
	folder := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(folder, "a.yaml"), []byte("version: 1\n"+plainEntry), 0o600),
		os.Symlink("nowhere.yaml", filepath.Join(folder, "broken.yaml")),
		os.Symlink("loop.yaml", filepath.Join(folder, "loop.yaml")),
		os.Symlink("nowhere.txt", filepath.Join(folder, "notes.txt")), // which nobody asked for
		os.Mkdir(filepath.Join(folder, "closed"), 0o700),
		os.Mkdir(filepath.Join(folder, "open"), 0o700),
		os.Symlink("../nowhere.yaml", filepath.Join(folder, "open", "deep.yml")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fsys := closed{os.DirFS(filepath.Dir(folder)).(fs.StatFS)}
	below := filepath.Base(folder)
	for _, path := range []string{below, "./" + below, below + "/**/*.y*ml"} {
		_, err := Load(fsys, path)
		want := fmt.Sprintf(`%[1]s/broken.yaml: EI012 cannot be read: what it links to: no such file or directory; check the path and its permissions
%[1]s/closed: EI012 cannot be read: permission denied; check the path and its permissions
%[1]s/loop.yaml: EI012 cannot be read: what it links to: too many levels of symbolic links; check the path and its permissions
%[1]s/open/deep.yml: EI012 cannot be read: what it links to: no such file or directory; check the path and its permissions`, below)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", path, err, want)
		}
	}
}

// closed is a file system in which folders of that name may not be listed, not even by root.
type closed struct{ fs.StatFS }

func (c closed) ReadDir(name string) ([]fs.DirEntry, error) {
	if path.Base(name) == "closed" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return fs.ReadDir(c.StatFS, name)
}

func TestUnreadableFiles(t *testing.T) {
	fsys := refusing{files("a.yaml", "version: 1\n"+plainEntry, "secret.yaml", "")}
	for _, path := range []string{".", "secret.yaml"} {
		_, err := Load(fsys, path)
		if want := "secret.yaml: EI012 cannot be read: permission denied; check the path and its permissions"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
