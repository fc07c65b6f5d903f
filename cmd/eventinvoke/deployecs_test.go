package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// task is what is used of an ECS task definition, and nothing else is accepted.
type task struct {
	Family           string   `json:"family"`
	Compatibilities  []string `json:"requiresCompatibilities"`
	NetworkMode      string   `json:"networkMode"`
	CPU              string   `json:"cpu"`
	Memory           string   `json:"memory"`
	Platform         any      `json:"runtimePlatform"`
	ExecutionRoleARN string   `json:"executionRoleArn"`
	TaskRoleARN      string   `json:"taskRoleArn"`
	Containers       []struct {
		Name        string    `json:"name"`
		Image       string    `json:"image"`
		Essential   bool      `json:"essential"`
		Command     []string  `json:"command"`
		Environment []setting `json:"environment"`
		Secrets     []setting `json:"secrets"`
		Ports       []struct {
			Port     int    `json:"containerPort"`
			Protocol string `json:"protocol"`
		} `json:"portMappings"`
		Health *struct {
			Command     []string `json:"command"`
			Interval    int      `json:"interval"`
			Timeout     int      `json:"timeout"`
			Retries     int      `json:"retries"`
			StartPeriod int      `json:"startPeriod"`
		} `json:"healthCheck"`
		User         string `json:"user"`
		ReadOnlyRoot bool   `json:"readonlyRootFilesystem"`
		Linux        struct {
			Capabilities struct {
				Drop []string `json:"drop"`
			} `json:"capabilities"`
		} `json:"linuxParameters"`
		StopTimeout int `json:"stopTimeout"`
		Log         any `json:"logConfiguration"`
	} `json:"containerDefinitions"`
}

type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"valueFrom"`
}

func readTask(t *testing.T, name string) (got task, env map[string]string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(deployFile(t, name)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := got.Containers[0]
	env = map[string]string{}
	for _, e := range c.Environment {
		env[e.Name] = e.Value
	}
	for _, e := range c.Secrets {
		env[e.Name] = "known-at-run-time"
	}
	for _, rule := range []struct {
		why string
		ok  bool
	}{
		{"it is nobody, and can write nowhere", c.User == "65532:65532" && c.ReadOnlyRoot},
		{"it has no capabilities", slices.Equal(c.Linux.Capabilities.Drop, []string{"ALL"})},
		{"calls in flight and the record fit into the time to stop, which is 120 s at most", c.StopTimeout >= 30 && c.StopTimeout <= 120},
		{"the history is shared", strings.HasPrefix(env["EVENTINVOKE_HISTORY"], "s3://")},
		{"no secret is written down", env["EVENTINVOKE_TOKEN"] == "" || env["EVENTINVOKE_TOKEN"] == "known-at-run-time"},
		{"the image has a version", strings.Contains(c.Image, ":") && !strings.HasSuffix(c.Image, ":latest")},
	} {
		if !rule.ok {
			t.Errorf("%s: not so: %s", name, rule.why)
		}
	}
	return got, env
}

func TestECSApply(t *testing.T) {
	got, env := readTask(t, "ecs/apply.json")
	verb := started(t, "ecs/apply.json", got.Containers[0].Command, env)
	if verb.Name() != "apply" || flagOf(verb, "yes") != "true" || flagOf(verb, "timeout") == "0s" {
		t.Error("apply needs --yes, and a --timeout: ECS ends no task by itself")
	}
}

func TestECSServe(t *testing.T) {
	got, env := readTask(t, "ecs/serve.json")
	c := got.Containers[0]
	verb := started(t, "ecs/serve.json", c.Command, env)
	if verb.Name() != "serve" || flagOf(verb, "apply") != "false" {
		t.Error("as it is given away, it must be a worker that only observes")
	}
	if c.Health == nil || len(c.Health.Command) < 3 || c.Health.Command[0] != "CMD" || c.Health.Command[1] != "/eventinvoke" {
		t.Fatalf("health check %+v: the image has no shell, so it begins with CMD and the binary", c.Health)
	}
	check := started(t, "ecs/serve.json", c.Health.Command[2:], map[string]string{"EVENTINVOKE_LISTEN": env["EVENTINVOKE_LISTEN"]})
	if check.Name() != "healthcheck" || flagOf(check, "listen") != flagOf(verb, "listen") {
		t.Error("the health check does not ask where the worker listens")
	}
	if c.Health.Timeout <= int(healthPatience.Seconds()) {
		t.Errorf("ECS gives up after %d s, before the check does", c.Health.Timeout)
	}
}

func TestECSSchedule(t *testing.T) {
	var got struct {
		Target struct {
			sweep
			ECS struct {
				TaskDefinition string `json:"TaskDefinitionArn"`
			} `json:"EcsParameters"`
		}
		Window map[string]any `json:"FlexibleTimeWindow"`
	}
	if err := json.Unmarshal(deployFile(t, "ecs/schedule.json"), &got); err != nil {
		t.Fatal(err)
	}
	got.Target.Window = got.Window
	checkSweep(t, "schedule.json", got.Target.sweep)
	apply, _ := readTask(t, "ecs/apply.json")
	if !strings.HasSuffix(got.Target.ECS.TaskDefinition, ":task-definition/"+apply.Family) {
		t.Errorf("it starts %s, not %s", got.Target.ECS.TaskDefinition, apply.Family)
	}
}
