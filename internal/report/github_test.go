package report

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

func asGitHub(t interface{ Fatal(...any) }, r *Run) string {
	var b bytes.Buffer
	if err := GitHub(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGitHub(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { golden(t, s.name+".github.txt", []byte(asGitHub(t, s.run(t)))) })
	}
}

// command is how the runner takes a line apart.
var command = regexp.MustCompile(`^::(error|warning|notice) ((?:[a-z]+=[^,:]*,?)+)::(.*)$`)

// readCommands undoes the escapes, in the runner's order.
func readCommands(t interface{ Fatalf(string, ...any) }, out string) (commands []map[string]string, rest []string) {
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		m := command.FindStringSubmatch(line)
		if m == nil {
			rest = append(rest, line)
			continue
		}
		c := map[string]string{"level": m[1], "message": strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(m[3])}
		for p := range strings.SplitSeq(m[2], ",") {
			name, value, _ := strings.Cut(p, "=")
			if _, twice := c[name]; twice {
				t.Fatalf("%s stands twice in %q", name, line)
			}
			c[name] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
		}
		commands = append(commands, c)
	}
	return commands, rest
}

func TestNothingForgesAWorkflowCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawHostile(t)
		for _, r := range append(hostileRuns(text), drawRun(t)) {
			out := asGitHub(t, r)
			commands, rest := readCommands(t, out)
			if len(rest) > 1 || len(rest) == 1 && !strings.HasPrefix(rest[0], "eventinvoke: not shown") {
				t.Fatalf("lines that are no commands: %q", rest)
			}
			levels := map[string]int{}
			for _, c := range commands {
				levels[c["level"]]++
				for name := range c {
					switch name {
					case "level", "message", "file", "line", "title":
					default:
						t.Fatalf("a property %q in %q", name, out)
					}
				}
				if strings.Contains(c["message"], "%25") && !strings.Contains(text, "%25") {
					t.Fatalf("escaped twice: %q", c["message"])
				}
			}
			for level, n := range levels {
				if n > maxAnnotations {
					t.Fatalf("%d of level %s", n, level)
				}
			}
			for _, c := range strings.ReplaceAll(out, "\n", "") {
				if !unicode.IsPrint(c) {
					t.Fatalf("%U in the log: %q", c, out)
				}
			}
		}
	})
}

func TestPropertiesOfACommandComeBack(t *testing.T) {
	r := &Run{Verb: "plan", Err: desired.Problems{{Pos: desired.Pos{File: "./a,b:c/100%2C.yaml", Line: 3, Column: 2}, Code: "EI001", Message: "100%0A, twice: no", Hint: "50%"}}}
	commands, _ := readCommands(t, asGitHub(t, r))
	c := commands[0]
	if len(commands) != 1 || c["file"] != "a,b:c/100%2C.yaml" || c["line"] != "3" || c["message"] != "100%0A, twice: no\nnext: 50%" || c["level"] != "error" {
		t.Errorf("%q", commands)
	}
}

func TestGitHubCountsWhatHasNoRoom(t *testing.T) {
	commands, rest := readCommands(t, asGitHub(t, scenarioOf(t, "many-blocks")))
	if len(commands) != maxAnnotations || len(rest) != 1 || !strings.HasSuffix(rest[0], ": 36 errors.") {
		t.Errorf("%d commands of 45 changes and a guard, and then %q", len(commands), rest)
	}
	if !strings.Contains(commands[0]["message"], "guard") {
		t.Errorf("what is about the whole run does not come first: %q", commands[0])
	}
}

func TestGitHubTellsWhenItCannotWrite(t *testing.T) {
	if err := GitHub(&full{10}, scenarios[0].run(t)); !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "write the annotations: ") {
		t.Error(err)
	}
}
