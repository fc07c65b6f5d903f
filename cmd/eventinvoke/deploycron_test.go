package main

import (
	"strings"
	"testing"
	"time"
)

func TestCrontab(t *testing.T) {
	env := map[string]string{}
	verbs := map[string]bool{}
	for line := range strings.Lines(string(deployFile(t, "cron/crontab"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && !strings.Contains(name, " ") {
			env[name] = value
			continue
		}
		fields := strings.Fields(line)
		_, command, ok := strings.Cut(strings.Join(fields[5:], " "), "eventinvoke ")
		if !ok {
			t.Fatalf("crontab: %q runs something else", line)
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
