package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
)

// The parts of the Kubernetes API that the manifests use, and no others.
type (
	manifest struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Automount  *bool `yaml:"automountServiceAccountToken"` // of a ServiceAccount
		Data       map[string]string
		Spec       workload
	}
	metadata struct {
		Name         string
		GenerateName string `yaml:"generateName"`
		Labels       map[string]string
		Annotations  map[string]string
	}
	workload struct {
		// CronJob
		Schedule          string
		TimeZone          string                   `yaml:"timeZone"`
		ConcurrencyPolicy string                   `yaml:"concurrencyPolicy"`
		StartingDeadline  int                      `yaml:"startingDeadlineSeconds"`
		KeepSuccessful    int                      `yaml:"successfulJobsHistoryLimit"`
		KeepFailed        int                      `yaml:"failedJobsHistoryLimit"`
		JobTemplate       *struct{ Spec workload } `yaml:"jobTemplate"`
		// Job
		CompletionMode   string `yaml:"completionMode"`
		Completions      int
		Parallelism      int
		ActiveDeadline   int                           `yaml:"activeDeadlineSeconds"`
		BackoffLimit     *int                          `yaml:"backoffLimit"`
		BackoffPerIndex  *int                          `yaml:"backoffLimitPerIndex"`
		MaxFailedIndexes int                           `yaml:"maxFailedIndexes"`
		KeepFor          int                           `yaml:"ttlSecondsAfterFinished"`
		PodFailurePolicy struct{ Rules []failureRule } `yaml:"podFailurePolicy"`
		// Deployment and StatefulSet
		Replicas         int
		ServiceName      string `yaml:"serviceName"`
		PodManagement    string `yaml:"podManagementPolicy"`
		Strategy         struct{ Type string }
		ProgressDeadline int `yaml:"progressDeadlineSeconds"`
		// Deployment, StatefulSet and Service
		Selector  map[string]any
		Type      string
		ClusterIP string `yaml:"clusterIP"`
		Ports     []map[string]any
		Template  struct {
			Metadata metadata
			Spec     pod
		}
	}
	failureRule struct {
		Action      string
		OnExitCodes *struct {
			Container string `yaml:"containerName"`
			Operator  string
			Values    []int
		} `yaml:"onExitCodes"`
		OnConditions []struct{ Type, Status string } `yaml:"onPodConditions"`
	}
	pod struct {
		ServiceAccount string `yaml:"serviceAccountName"`
		Automount      *bool  `yaml:"automountServiceAccountToken"`
		RestartPolicy  string `yaml:"restartPolicy"`
		Grace          int    `yaml:"terminationGracePeriodSeconds"`
		Security       struct {
			NonRoot bool                  `yaml:"runAsNonRoot"`
			User    int                   `yaml:"runAsUser"`
			Group   int                   `yaml:"runAsGroup"`
			Seccomp struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container
		Volumes    []struct {
			Name      string
			ConfigMap struct{ Name string } `yaml:"configMap"`
		}
	}
	container struct {
		Name, Image string
		Args        []string
		EnvFrom     []struct {
			ConfigMap struct{ Name string } `yaml:"configMapRef"`
		} `yaml:"envFrom"`
		Env   []envVar
		Ports []struct {
			Name string
			Port int `yaml:"containerPort"`
		}
		Liveness  *probe `yaml:"livenessProbe"`
		Readiness *probe `yaml:"readinessProbe"`
		Security  struct {
			Escalation   *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRoot bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities struct{ Drop []string }
		} `yaml:"securityContext"`
		Resources struct{ Requests, Limits map[string]string }
		Mounts    []struct {
			Name     string
			Path     string `yaml:"mountPath"`
			ReadOnly bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	envVar struct {
		Name, Value string
		From        struct {
			Field struct {
				Path string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
			Secret struct {
				Name, Key string
				Optional  bool
			} `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	probe struct {
		HTTP      struct{ Path, Port string } `yaml:"httpGet"`
		Period    int                         `yaml:"periodSeconds"`
		Threshold int                         `yaml:"failureThreshold"`
	}
)

// kubernetesSettings is what every workload shares.
func kubernetesSettings(t *testing.T) (account manifest, settings, fleet map[string]string) {
	t.Helper()
	for _, m := range documents[manifest](t, "kubernetes/settings.yaml") {
		switch m.Metadata.Name {
		case "eventinvoke":
			account = m
		case "eventinvoke-settings":
			settings = m.Data
		case "eventinvoke-fleet":
			fleet = m.Data
		}
	}
	return account, settings, fleet
}

func TestKubernetesSettings(t *testing.T) {
	account, settings, fleet := kubernetesSettings(t)
	if account.Kind != "ServiceAccount" || !strings.HasPrefix(account.Metadata.Annotations["eks.amazonaws.com/role-arn"], "arn:aws:iam::") {
		t.Errorf("the service account is tied to no role: %+v", account)
	}
	if account.Automount == nil || *account.Automount {
		t.Error("the service account mounts a token for Kubernetes, which nothing needs")
	}
	if !strings.HasPrefix(settings["EVENTINVOKE_HISTORY"], "s3://") {
		t.Errorf("EVENTINVOKE_HISTORY=%q: pods that come and go can only share a bucket", settings["EVENTINVOKE_HISTORY"])
	}
	if _, err := (desired.Loader{Stdin: strings.NewReader(fleet["fleet.yaml"])}).LoadFiles("-"); err != nil {
		t.Errorf("the fleet of the ConfigMap: %v", err)
	}
}

// only is the single workload of a manifest, and its single container.
func only(t *testing.T, file, kind string) (manifest, container) {
	t.Helper()
	m := documents[manifest](t, file)[0]
	if m.Kind != kind {
		t.Fatalf("%s begins with a %s, want a %s", file, m.Kind, kind)
	}
	spec := &m.Spec
	if kind == "CronJob" {
		spec = &m.Spec.JobTemplate.Spec
	}
	if len(spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%s: %d containers, want one", file, len(spec.Template.Spec.Containers))
	}
	checkPod(t, file, spec.Template.Spec)
	return m, spec.Template.Spec.Containers[0]
}

// checkPod holds what is true of every pod: it may nothing and can write nowhere.
func checkPod(t *testing.T, file string, p pod) {
	t.Helper()
	account, _, _ := kubernetesSettings(t)
	c := p.Containers[0]
	for _, rule := range []struct {
		why string
		ok  bool
	}{
		{"it runs under the account of settings.yaml", p.ServiceAccount == account.Metadata.Name},
		{"it holds no token for Kubernetes", p.Automount != nil && !*p.Automount},
		{"it is nobody: the user of the image", p.Security.NonRoot && p.Security.User == 65532 && p.Security.Group == 65532},
		{"system calls are filtered", p.Security.Seccomp.Type == "RuntimeDefault"},
		{"it cannot gain rights", c.Security.Escalation != nil && !*c.Security.Escalation},
		{"it has no capabilities", slices.Equal(c.Security.Capabilities.Drop, []string{"ALL"})},
		{"its file system is read-only", c.Security.ReadOnlyRoot},
		{"calls in flight (10 s) and the record fit into the grace period", p.Grace >= 30},
		{"memory is bounded", c.Resources.Limits["memory"] != "" && c.Resources.Requests["memory"] != ""},
		{"the fleet is mounted as a whole folder, to be read", len(c.Mounts) == 1 && c.Mounts[0].ReadOnly && c.Mounts[0].Path == "/fleet"},
		{"the volume is the fleet of settings.yaml", len(p.Volumes) == 1 && p.Volumes[0].Name == c.Mounts[0].Name && p.Volumes[0].ConfigMap.Name == "eventinvoke-fleet"},
		{"the image has a version", strings.Contains(c.Image, ":") && !strings.HasSuffix(c.Image, ":latest")},
	} {
		if !rule.ok {
			t.Errorf("%s: not so: %s", file, rule.why)
		}
	}
}

// environment is what the container's process finds set, with a stand-in for
// what is known only in the cluster.
func (c *container) environment(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		if from.ConfigMap.Name != "eventinvoke-settings" {
			t.Errorf("%s is not in settings.yaml", from.ConfigMap.Name)
		}
		_, settings, _ := kubernetesSettings(t)
		for name, value := range settings {
			env[name] = value
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.From.Field.Path != "" || e.From.Secret.Name != "" {
			env[e.Name] = "known-in-the-cluster"
		}
	}
	return env
}

// checkRunID: the attempts of a Job are one run.
func checkRunID(t *testing.T, file string, c container) {
	t.Helper()
	for _, e := range c.Env {
		if e.Name == "EVENTINVOKE_RUN_ID" && e.From.Field.Path == "metadata.labels['batch.kubernetes.io/job-name']" {
			return
		}
	}
	t.Errorf("%s: the run is not named after the Job", file)
}

// checkFailures: exit codes 1 and 4 end it at once, and an eviction counts for
// nothing. A partial run (3) or a held lease (5) may be tried again.
func checkFailures(t *testing.T, file, action string, rules []failureRule) {
	t.Helper()
	if len(rules) != 2 || rules[0].OnExitCodes == nil {
		t.Fatalf("%s: %d rules of failure, want one by exit code and one by condition", file, len(rules))
	}
	codes := rules[0].OnExitCodes
	if diff := cmp.Diff([]int{exitError, exitGuard}, codes.Values); diff != "" || rules[0].Action != action || codes.Operator != "In" || codes.Container != "eventinvoke" {
		t.Errorf("%s: %+v %+v, want %s on exit codes %d and %d", file, rules[0], codes, action, exitError, exitGuard)
	}
	if c := rules[1].OnConditions; rules[1].Action != "Ignore" || len(c) != 1 || c[0].Type != "DisruptionTarget" || c[0].Status != "True" {
		t.Errorf("%s: an eviction counts as a failure", file)
	}
}

// checkDeadline: the run stops by itself before the engine stops it.
func checkDeadline(t *testing.T, where, timeout string, engine time.Duration) {
	t.Helper()
	own, err := time.ParseDuration(timeout)
	if err != nil || own <= 0 || own > engine-time.Minute {
		t.Errorf("%s: --timeout %s, want at least a minute less than the engine's %v", where, timeout, engine)
	}
}

func TestKubernetesCronJob(t *testing.T) {
	const file = "kubernetes/cronjob.yaml"
	m, c := only(t, file, "CronJob")
	job := m.Spec.JobTemplate.Spec
	if m.Spec.ConcurrencyPolicy != "Forbid" || m.Spec.StartingDeadline != 300 {
		t.Errorf("concurrency %q, starting deadline %d; want Forbid and 300", m.Spec.ConcurrencyPolicy, m.Spec.StartingDeadline)
	}
	if len(strings.Fields(m.Spec.Schedule)) != 5 || m.Spec.TimeZone == "" {
		t.Errorf("schedule %q in time zone %q", m.Spec.Schedule, m.Spec.TimeZone)
	}
	if job.BackoffLimit == nil || *job.BackoffLimit > 3 || job.Template.Spec.RestartPolicy != "Never" {
		t.Error("retries are not few, or not the Job's: a rule of failure needs restartPolicy Never")
	}
	checkFailures(t, file, "FailJob", job.PodFailurePolicy.Rules)
	checkRunID(t, file, c)
	verb := started(t, file, c.Args, c.environment(t))
	if verb.Name() != "apply" || flagOf(verb, "yes") != "true" {
		t.Error("without a terminal apply needs --yes")
	}
	checkDeadline(t, file, flagOf(verb, "timeout"), time.Duration(job.ActiveDeadline)*time.Second)
}

func TestKubernetesShards(t *testing.T) {
	const file = "kubernetes/shards.yaml"
	m, c := only(t, file, "Job")
	if m.Spec.CompletionMode != "Indexed" || m.Spec.BackoffPerIndex == nil || *m.Spec.BackoffPerIndex > 3 {
		t.Errorf("mode %q, backoffLimitPerIndex %v; want Indexed and a few", m.Spec.CompletionMode, m.Spec.BackoffPerIndex)
	}
	if m.Spec.MaxFailedIndexes != m.Spec.Completions || m.Spec.Parallelism == 0 {
		t.Error("the failure of some parts ends the others")
	}
	if m.Metadata.Name != "" || m.Metadata.GenerateName == "" {
		t.Error("a fixed name would make one run of all days' runs")
	}
	if m.Spec.Template.Spec.RestartPolicy != "Never" {
		t.Error("a rule of failure needs restartPolicy Never")
	}
	checkFailures(t, file, "FailIndex", m.Spec.PodFailurePolicy.Rules)
	checkRunID(t, file, c)
	env := c.environment(t)
	if want := strconv.Itoa(m.Spec.Completions); env["EVENTINVOKE_SHARD_COUNT"] != want {
		t.Errorf("EVENTINVOKE_SHARD_COUNT=%s, completions %s", env["EVENTINVOKE_SHARD_COUNT"], want)
	}
	verb := started(t, file, c.Args, env)
	checkDeadline(t, file, flagOf(verb, "timeout"), time.Duration(m.Spec.ActiveDeadline)*time.Second)
}

func TestKubernetesServe(t *testing.T) {
	const file = "kubernetes/serve.yaml"
	m, c := only(t, file, "Deployment")
	service := checkServe(t, file, m, c)
	if m.Spec.Replicas != 1 || m.Spec.Strategy.Type != "Recreate" || m.Spec.ProgressDeadline < 3600 {
		t.Errorf("replicas %d, strategy %s, progress deadline %d: one worker, given the time of a first sweep", m.Spec.Replicas, m.Spec.Strategy.Type, m.Spec.ProgressDeadline)
	}
	if service.Spec.Type != "ClusterIP" {
		t.Error("want a Service inside the cluster only")
	}
}

func TestKubernetesStatefulSet(t *testing.T) {
	const file = "kubernetes/statefulset.yaml"
	m, c := only(t, file, "StatefulSet")
	service := checkServe(t, file, m, c)
	if env := c.environment(t); env["EVENTINVOKE_SHARD_COUNT"] != strconv.Itoa(m.Spec.Replicas) || m.Spec.Replicas < 2 {
		t.Errorf("EVENTINVOKE_SHARD_COUNT=%s, replicas %d", env["EVENTINVOKE_SHARD_COUNT"], m.Spec.Replicas)
	}
	if !slices.ContainsFunc(c.Env, func(e envVar) bool {
		return e.Name == "EVENTINVOKE_SHARD_INDEX" && e.From.Field.Path == "metadata.labels['apps.kubernetes.io/pod-index']"
	}) {
		t.Error("a pod does not know which it is")
	}
	if service.Spec.ClusterIP != "None" || m.Spec.ServiceName != service.Metadata.Name || m.Spec.PodManagement != "Parallel" {
		t.Errorf("service %q of %q, %s: want the headless Service of the file, and shards that do not wait for each other", service.Spec.ClusterIP, m.Spec.ServiceName, m.Spec.PodManagement)
	}
}

// checkServe holds what is true of every worker that stays, and gives its Service.
func checkServe(t *testing.T, file string, m manifest, c container) manifest {
	t.Helper()
	verb := started(t, file, c.Args, c.environment(t))
	if verb.Name() != "serve" || flagOf(verb, "apply") != "false" {
		t.Error("as it is given away, it must be a worker that only observes")
	}
	if len(c.Ports) != 1 || flagOf(verb, "listen") != ":"+strconv.Itoa(c.Ports[0].Port) {
		t.Errorf("it listens on %s, where the kubelet cannot ask, or not on its port", flagOf(verb, "listen"))
	}
	if c.Liveness == nil || c.Liveness.HTTP.Path != "/healthz" || c.Liveness.HTTP.Port != c.Ports[0].Name {
		t.Errorf("liveness %+v", c.Liveness)
	}
	if c.Readiness == nil || c.Readiness.HTTP.Path != "/readyz" || c.Readiness.HTTP.Port != c.Ports[0].Name {
		t.Errorf("readiness %+v", c.Readiness)
	}
	all := documents[manifest](t, file)
	if len(all) != 2 || all[1].Kind != "Service" {
		t.Fatalf("%s: want a workload and its Service", file)
	}
	want := map[string]any{}
	for name, value := range m.Spec.Template.Metadata.Labels {
		want[name] = value
	}
	if diff := cmp.Diff(want, all[1].Spec.Selector); diff != "" {
		t.Errorf("the Service chooses other pods (-pod +service):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"matchLabels": want}, m.Spec.Selector); diff != "" {
		t.Errorf("the workload chooses other pods (-pod +workload):\n%s", diff)
	}
	return all[1]
}
