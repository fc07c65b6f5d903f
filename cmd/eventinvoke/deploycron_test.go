package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/awssim"
)

// crontab is what deploy/cron/crontab runs, and with which variables.
func crontab(t *testing.T) (jobs []string, env map[string]string) {
	t.Helper()
	env = map[string]string{}
	for line := range strings.Lines(string(deployFile(t, "cron/crontab"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.Contains(name, " ") {
			env[name] = value
			continue
		}
		jobs = append(jobs, strings.Join(strings.Fields(line)[5:], " "))
	}
	return jobs, env
}

func TestCrontab(t *testing.T) {
	jobs, env := crontab(t)
	verbs := map[string]bool{}
	for _, job := range jobs {
		_, command, ok := strings.Cut(job, "eventinvoke ")
		if !ok {
			t.Fatalf("crontab: %q runs something else", job)
		}
		if strings.Contains(job, "%") {
			t.Errorf("crontab: to cron a %% in %q is the end of the line", job)
		}
		command, _, _ = strings.Cut(command, " 2>&1")
		verb := started(t, "crontab", strings.Fields(command), env)
		verbs[verb.Name()] = true
		if verb.Name() == "apply" && flagOf(verb, "yes") != "true" {
			t.Error("crontab: without a terminal apply needs --yes")
		}
		checkDeadline(t, "crontab", flagOf(verb, "timeout"), time.Hour) // the audit's next turn
	}
	if !verbs["audit"] || !verbs["apply"] {
		t.Errorf("crontab runs %v, want audit and apply", verbs)
	}
}

// TestCrontabMails: cron mails what a job prints, so that one which found nothing to do
// prints nothing. The reports are of eventinvoke itself, in a world of its own.
func TestCrontabMails(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	retries := 1
	serve(t, awssim.Fleet(account, region, awssim.Function{Name: "f", Records: map[string]awssim.Record{"$LATEST": {MaximumRetryAttempts: &retries}}}), nil)
	t.Setenv("EVENTINVOKE_HISTORY", "none")
	jobs, env := crontab(t)
	t.Setenv("EVENTINVOKE_QUIET", env["EVENTINVOKE_QUIET"])
	fleet := func(retries string) string {
		return write(t, "version: 1\nguard: { max_changes: 100% }\nfunctions: [{ name: f, maximum_retry_attempts: "+retries+" }]\n")
	}
	for _, row := range []struct {
		why, verb, fleet string
		code             int
		mails            string // "" is silence
	}{
		{"an audit that finds everything in sync", "audit", fleet("1"), exitOK, ""},
		{"an audit that finds a difference", "audit", fleet("0"), exitDifferences, "exit code 2"},
		{"an audit that fails", "audit", fleet("7"), exitError, "exit code 1"},
		{"an apply with nothing to do", "apply", fleet("1"), exitOK, ""},
		{"an apply that writes", "apply", fleet("0"), exitOK, "Applied: 0 created, 1 changed"},
		{"an apply that fails", "apply", fleet("7"), exitError, "exit code 1"},
	} {
		args := []string{row.verb, row.fleet}
		if row.verb == "apply" {
			args = append(args, "--yes")
		}
		code, out, errs := eventinvoke(t.Context(), args...)
		if code != row.code {
			t.Fatalf("%s: %v ended with %d, want %d\n%s%s", row.why, args, code, row.code, out, errs)
		}
		// A stand-in on the PATH that says just that: the test binary is not eventinvoke.
		folder := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\ncat <<'END'\n%s%sEND\nexit %d\n", out, errs, code)
		if err := os.WriteFile(filepath.Join(folder, "eventinvoke"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			if !strings.Contains(job, "eventinvoke "+row.verb+" ") {
				continue
			}
			cmd := exec.Command(shell, "-c", job)
			cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
			mail, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != row.code {
				t.Errorf("%s: the job ended with %d, want %d", row.why, got, row.code)
			}
			if row.mails == "" && len(mail) > 0 || !strings.Contains(string(mail), row.mails) {
				t.Errorf("%s: cron mails %q, want %q", row.why, mail, row.mails)
			}
		}
	}
}

// unit is a systemd unit: section, key, and the values in order.
type unit map[string]map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	u, section := unit{}, ""
	for line := range strings.Lines(string(deployFile(t, "cron/"+name))) {
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
			u[section] = map[string][]string{}
		case ok && section != "":
			u[section][key] = append(u[section][key], value)
		default:
			t.Fatalf("%s: %q is neither a section nor a setting", name, line)
		}
	}
	return u
}

func (u unit) get(section, key string) string { return strings.Join(u[section][key], " ") }

func (u unit) environment() map[string]string {
	env := map[string]string{}
	for _, assignment := range strings.Fields(u.get("Service", "Environment")) {
		name, value, _ := strings.Cut(assignment, "=")
		env[name] = value
	}
	return env
}

// confined is what both services have in common: a user that exists only while
// they run, and nothing to write to but their own folder.
var confined = map[string]string{
	"DynamicUser": "yes", "StateDirectory": "eventinvoke", "StateDirectoryMode": "0700", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
	"ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "CapabilityBoundingSet": "", "SystemCallFilter": "@system-service",
}

func TestSystemdUnits(t *testing.T) {
	for _, name := range []string{"eventinvoke.service", "eventinvoke-serve.service"} {
		u := readUnit(t, name)
		for key, want := range confined {
			if _, said := u["Service"][key]; !said || u.get("Service", key) != want {
				t.Errorf("%s: %s=%s, want %q", name, key, u.get("Service", key), want)
			}
		}
		env := u.environment()
		if env["XDG_STATE_HOME"] != "%S" {
			t.Errorf("%s: the history is not in the folder that systemd makes", name)
		}
		if stop, err := time.ParseDuration(u.get("Service", "TimeoutStopSec") + "s"); err != nil || stop < 30*time.Second {
			t.Errorf("%s: TimeoutStopSec=%s: calls in flight and the record need 30 s", name, u.get("Service", "TimeoutStopSec"))
		}
		command, ok := strings.CutPrefix(u.get("Service", "ExecStart"), "/usr/local/bin/eventinvoke ")
		if !ok {
			t.Fatalf("%s: ExecStart=%s", name, u.get("Service", "ExecStart"))
		}
		verb := started(t, name, strings.Fields(command), env)
		switch name {
		case "eventinvoke.service":
			if u.get("Service", "Type") != "oneshot" || verb.Name() != "apply" || flagOf(verb, "yes") != "true" || u.get("Service", "TimeoutStartSec") != "1h" {
				t.Errorf("%s: %v", name, u)
			}
			checkDeadline(t, name, flagOf(verb, "timeout"), time.Hour)
		default:
			if flagOf(verb, "apply") != "false" || u.get("Service", "SuccessExitStatus") != "143" || !strings.Contains(u.get("Service", "ExecReload"), "HUP") {
				t.Errorf("%s: it observes only, ends with 143 when told to, and looks again on SIGHUP: %v", name, u)
			}
		}
	}
	timer := readUnit(t, "eventinvoke.timer")
	if timer.get("Timer", "OnCalendar") == "" || timer.get("Timer", "Persistent") != "true" || timer.get("Timer", "RandomizedDelaySec") == "" {
		t.Errorf("the timer %v has no time, no jitter, or forgets a night on which the machine was off", timer["Timer"])
	}
}
