package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const examplesFolder = "../../examples"

// TestExamples plans every fleet of examples/ against the scenario beside it.
func TestExamples(t *testing.T) {
	for _, test := range []struct {
		folder, why, plan string
		says              []string // what in the plan is the example's point, however its lines are broken
	}{
		{"one-account", "rules over 1,218 functions", "Plan: 3 to create, 213 to change, 0 to delete, 0 ignored, 0 unreadable.", nil},
		{"many-accounts", "both roles can be assumed, and each target has its own queue", "Plan: 3 to create, 1 to change, 0 to delete, 0 ignored, 0 unreadable.", nil},
		{"rules", "the sandbox is excluded, the function without the alias is skipped", "Plan: 4 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.", nil},
		{"guard", "both ignored functions are left out", "Plan: 0 to create, 40 to change, 1 to delete, 2 ignored, 0 unreadable.", nil},
		{"require", "what must hold of all functions writes none of them", "Plan: 1 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.", []string{
			`! 2 functions break the requirement "no event is lost" # ../../examples/require/fleet.yaml:6 require[0]`,
			`! reports: failed events go nowhere: there is no on_failure, and the function has no dead-letter queue`,
			`! payments-card: failed events go nowhere: there is no on_failure, and the function has no dead-letter queue, until this plan is applied`,
			`! 3 functions break the requirement "a failed payment is known within the hour" # ../../examples/require/fleet.yaml:13 require[1]`,
			`! payments-refund: failed events go nowhere: there is no on_failure`,
			`! payments-refund: maximum_event_age_in_seconds is 60, and at least 300 is required`,
			`! payments-sepa:live: maximum_event_age_in_seconds is 21600, and at most 3600 is allowed`,
			`! payments-sepa:live: maximum_retry_attempts is 2, and at most 1 is allowed`,
			`! payments-card: failed events go nowhere: there is no on_failure, until this plan is applied`,
			`! payments-card: maximum_event_age_in_seconds is 21600, and at most 3600 is allowed, until this plan is applied`,
			`! payments-card: maximum_retry_attempts is 2, and at most 1 is allowed, until this plan is applied`,
		}},
		{"strict-payments", "the stray record is deleted", "Plan: 2 to create, 4 to change, 1 to delete, 0 ignored, 0 unreadable.", nil},
		{"stages", "each stage has its own names, and each function its own queue", "Plan: 2 to create, 1 to change, 0 to delete, 0 ignored, 0 unreadable.", []string{
			"→ arn:aws:sqs:eu-west-1:333333333333:prod-mail-dlq",
			"+ create dev-checkout",
			"→ arn:aws:sqs:eu-west-1:222222222222:dev-mail-dlq",
			"rules[0] from arn:${partition}:sqs:${region}:${vars.queues}:${function}-dlq",
		}},
		{"aliases", "the two new aliases have no record", "Plan: 2 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.", []string{
			"+ create orders-api:canary",
			"+ create orders-api:live-eu",
			"maximum_retry_attempts: (unset, so 2) → 0",
		}},
		{"tags", "two have both tags and are no exception", "Plan: 2 to create, 0 to change, 0 to delete, 2 ignored, 0 unreadable.", []string{
			"cart, search",
			"coupons # ../../examples/tags/fleet.yaml:19 ignore[1] until 2098-06-30: moves to the new account",
			"cart-canary # ../../examples/tags/fleet.yaml:16 ignore[0] until 2099-12-31: the canary tool owns these",
		}},
		{"teams", "a team's own defaults win, and the fleet's fill the rest", "Plan: 2 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.", []string{
			"→ arn:aws:sqs:eu-west-1:111111111111:payments-dlq",
			"# ../../examples/teams/fleet/payments.yaml:5 defaults",
			"→ arn:aws:sqs:eu-west-1:111111111111:async-dlq",
			"# ../../examples/teams/fleet/defaults.yaml:8 defaults",
		}},
		{"destinations", "all is as declared, and the queue is gone", "Plan: 0 to create, 0 to change, 0 to delete, 0 ignored, 0 unreadable.", []string{
			"Nothing differs: 21 configs checked",
			"! 21 functions send failures to a queue that does not exist",
			"arn:aws:sqs:eu-west-1:111111111111:async-dlq # ../../examples/destinations/fleet.yaml:7 defaults",
		}},
	} {
		t.Run(test.folder, func(t *testing.T) {
			fleet := filepath.Join(examplesFolder, test.folder, "fleet.yaml")
			if _, err := os.Stat(fleet); err != nil {
				fleet = filepath.Join(examplesFolder, test.folder, "fleet") // of several files
			}
			if code, out, errs := eventinvoke(t.Context(), "validate", fleet); code != exitOK {
				t.Fatalf("validate ended with %d: %s%s", code, out, errs)
			}
			out := planned(t, test.folder, exitOK, "plan", fleet)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if diff := cmp.Diff(test.plan, lines[len(lines)-1]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.why, diff)
			}
			text := strings.Join(strings.Fields(out), " ")
			for _, words := range test.says {
				if !strings.Contains(text, words) {
					t.Errorf("%s: the plan does not say %q:\n%s", test.why, words, out)
				}
			}
			planned(t, test.folder, exitDifferences, "audit", fleet) // each has something to find
		})
	}
}

// planned runs a verb in virtual time against the scenario of an example, and
// gives what it printed.
func planned(t *testing.T, folder string, want int, args ...string) (stdout string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		scenario := filepath.Join(examplesFolder, folder, "scenario.yaml")
		code, out, errs := eventinvoke(t.Context(), append(args, "--quiet", "--simulate="+scenario)...)
		if code != want {
			t.Fatalf("%v ended with %d, want %d: %s%s", args, code, want, out, errs)
		}
		stdout = out
	})
	return stdout
}

// TestEveryExampleIsTested: no folder without a test, and every file in the index.
func TestEveryExampleIsTested(t *testing.T) {
	source, err := os.ReadFile("examples_test.go")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(examplesFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir(examplesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		if !strings.Contains(string(source), `"`+f.Name()+`"`) {
			t.Errorf("examples/%s is in no test", f.Name())
		}
		if !strings.Contains(string(index), "]("+f.Name()+"/") {
			t.Errorf("examples/README.md does not list %s", f.Name())
		}
	}
}

// TestDemoIsValid: its plan is what the demo itself shows.
func TestDemoIsValid(t *testing.T) {
	if code, out, errs := eventinvoke(t.Context(), "validate", filepath.Join(examplesFolder, "demo", "fleet.yaml")); code != exitOK {
		t.Errorf("validate ended with %d: %s%s", code, out, errs)
	}
}

// TestWorkflows: each eventinvoke command of the workflows is one that this
// program understands, and each action is pinned to a commit.
func TestWorkflows(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	command := regexp.MustCompile(`(?m)(?:^|[;{|&] *)eventinvoke ([^;|&}\n]+)`)
	for file, want := range map[string]int{"plan.yaml": 3, "apply.yaml": 1, "audit.yaml": 1} {
		commands := 0
		for _, job := range readWorkflow(t, file).Jobs {
			for _, step := range job.Steps {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s is not pinned to a commit", file, step.Uses)
				}
				for _, found := range command.FindAllStringSubmatch(step.Run, -1) {
					commands++
					understood(t, strings.Fields(found[1]))
				}
			}
		}
		if commands != want {
			t.Errorf("%s has %d eventinvoke commands, want %d", file, commands, want)
		}
	}
}

// workflow is what the tests read of a GitHub workflow.
type workflow struct {
	Jobs map[string]struct {
		If    string
		Steps []step
	}
}

type step struct {
	Name, If, Run, Uses string
	With                map[string]string
}

func readWorkflow(t *testing.T, file string) (w workflow) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examplesFolder, "github-actions", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return w
}

// step is the one of that name, in whichever job has it.
func (w workflow) step(t *testing.T, name string) step {
	t.Helper()
	for _, job := range w.Jobs {
		for _, s := range job.Steps {
			if s.Name == name {
				return s
			}
		}
	}
	t.Fatalf("no step is called %q", name)
	return step{}
}

// TestWorkflowsTrustNoBranch: whoever can push a branch can change the workflow that
// runs for its pull request, and what its artifact holds. So each workflow has a role
// of its own, a fork's pull request asks for none, and nothing of an artifact comes to
// lie among the fleet files of main.
func TestWorkflowsTrustNoBranch(t *testing.T) {
	for file, want := range map[string]string{"plan.yaml": "eventinvoke-plan", "apply.yaml": "eventinvoke-apply", "audit.yaml": "eventinvoke-audit"} {
		for _, job := range readWorkflow(t, file).Jobs {
			for _, s := range job.Steps {
				if role := s.With["role-to-assume"]; role != "" && !strings.HasSuffix(role, "/"+want) {
					t.Errorf("%s assumes %s, want %s", file, role, want)
				}
			}
		}
	}
	if got, want := readWorkflow(t, "plan.yaml").Jobs["plan"].If, "github.event.pull_request.head.repo.full_name == github.repository"; got != want {
		t.Errorf("plan.yaml runs if %q, want %q", got, want)
	}
	apply := readWorkflow(t, "apply.yaml")
	if run := apply.step(t, "Fetch the plan of the pull request").Run; !strings.Contains(run, `gh run download "$run" --name plan --dir "$RUNNER_TEMP"`) {
		t.Errorf("apply.yaml unpacks the artifact into the checkout:\n%s", run)
	}
	if run := apply.step(t, "Apply it").Run; !strings.HasPrefix(run, `eventinvoke apply "$RUNNER_TEMP/plan.json" `) {
		t.Errorf("apply.yaml applies another plan than it fetched: %s", run)
	}
}

// TestWorkflowTellsOfBrokenFiles: a push that breaks the files makes the comment say
// so, in place of the plan of an earlier push, and the job fails.
func TestWorkflowTellsOfBrokenFiles(t *testing.T) {
	plan := readWorkflow(t, "plan.yaml")
	check, comment := plan.step(t, "Check the files"), plan.step(t, "Say so in the pull request")
	if want := "always() && hashFiles('plan.md') != ''"; comment.If != want {
		t.Errorf("the comment is made if %q, want %q", comment.If, want)
	}
	for fleet, want := range map[string]string{
		"version: 1\nfunctions: [{ name: orders, maximum_retry_attempts: 1 }]\n": "",
		"version: 1\nfunctions: [\n": "No plan: nothing was compared",
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "fleet"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "fleet", "a.yaml"), []byte(fleet), 0o644); err != nil {
			t.Fatal(err)
		}
		sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", check.Run)
		sh.Dir = dir
		summary := filepath.Join(dir, "summary.md")
		sh.Env = append(os.Environ(), "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+summary)
		out, err := sh.CombinedOutput()
		if told, _ := os.ReadFile(summary); strings.Count(string(told), "### eventinvoke") != 1 {
			t.Errorf("with %q the step's summary is not one section:\n%s", fleet, told)
		}
		text, _ := os.ReadFile(filepath.Join(dir, "plan.md"))
		if failed := err != nil; failed != (want != "") || !strings.Contains(string(text), want) || (want == "") != (len(text) == 0) {
			t.Errorf("with %q: %v, and plan.md is %q, want %q in it\n%s", fleet, err, text, want, out)
		}
	}
}

// understood parses a command line as the program would, without running it.
func understood(t *testing.T, args []string) {
	t.Helper()
	root := newRoot(&app{})
	verb, rest, err := root.Find(args)
	if err != nil || verb == root {
		t.Errorf("eventinvoke %s: no such verb", strings.Join(args, " "))
		return
	}
	if err := verb.ParseFlags(rest); err != nil {
		t.Errorf("eventinvoke %s: %v", strings.Join(args, " "), err)
	}
}
