package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/iampolicy"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/worker/queue"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newIAMPolicy(a *app) *cobra.Command {
	var o policyOptions
	cmd := &cobra.Command{
		Use:   "iam-policy [PATH...]",
		Short: "Print the least IAM policy for a fleet file",
		Long: `Print a JSON document for each target and, where roles are assumed, first one
for the base credentials; standard error says which is which. A wildcard stands
only where a rule has one.`,
		Example: `  eventinvoke iam-policy fleet.yaml --target prod
  eventinvoke iam-policy fleet.yaml --mode serve --history s3://runs/prod \
      --queue-url https://sqs.eu-west-1.amazonaws.com/111111111111/drift`,
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := o.permissions(cmd.Flags())
			if err != nil {
				return err
			}
			return a.iamPolicy(cmd.Context(), args, &o, options)
		},
	}
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "only the target `LABEL` or ACCOUNT/REGION; repeatable")
	bindChoice(cmd, &o.mode, "mode", "allow `MODE`: audit (and plan), apply, or serve (with --apply; and lambda)", auditMode, applyMode, serveMode)
	cmd.Flags().BoolVar(&o.orphans, "orphans", false, "allow looking up whether undeclared records are orphans")
	bindChoice(cmd, &o.insights, "insights", "allow what the run's --insights asks: `WHEN` is auto, on or off", "off", "auto", "on")
	cmd.Flags().Lookup("insights").NoOptDefVal = "auto"
	cmd.Flags().StringVar(&o.queue, "queue-url", "", "with --mode serve: `URL` of the worker's queue")
	cmd.Flags().StringVar(&o.location, "history", "", "`PLACE` of the history, s3://bucket/prefix")
	cmd.Flags().StringVar(&o.directory, "output-dir", "", "write a file for each document into `DIRECTORY`")
	_ = cmd.RegisterFlagCompletionFunc("target", completeTargets)
	bindChoice(cmd, &o.form, "output,o", "`FORMAT` of each document: json, cloudformation or terraform", "json", "cloudformation", "terraform")
	return cmd
}

func (a *app) iamPolicy(ctx context.Context, args []string, o *policyOptions, options iampolicy.Options) error {
	doc, err := a.load(args, 0)
	if err != nil {
		return err
	}
	inS3, err := a.bucket(ctx, pathsOr(args))
	if err != nil {
		return err
	}
	options.FleetFiles = objectsOf(inS3)
	options.Versions = slices.ContainsFunc(pathsOr(args), func(p string) bool { return strings.Contains(p, "?versionId=") })
	var ambient desired.Target
	if !doc.DeclaresTargets() {
		if ambient, err = currentTarget(ctx); err != nil {
			return fmt.Errorf("the fleet file declares no targets, so the policy is for the current credentials' account: %w", err)
		}
	}
	fleet, err := doc.Resolve(ambient, nil, desired.Selection{Targets: o.targets})
	if err != nil {
		return err
	}
	documents := iampolicy.Build(doc, fleet, ambient, options)
	if len(documents) == 0 {
		return errors.New("the fleet file asks nothing of the targets that were chosen, so they need no policy")
	}
	for i := range documents {
		if err := a.putPolicy(&documents[i], o); err != nil {
			return err
		}
	}
	return nil
}

// putPolicy writes one document, and says what it is for.
func (a *app) putPolicy(d *iampolicy.Policy, o *policyOptions) error {
	where := ""
	form, file := policyForms[o.form], policyFile(d, o.mode)
	text := form.render(d, file)
	if o.directory == "" {
		if _, err := a.out.Write(text); err != nil {
			return err
		}
	} else {
		path := filepath.Join(o.directory, file+form.ending)
		if err := os.MkdirAll(o.directory, 0o755); err != nil {
			return fmt.Errorf("--output-dir: %w; name a directory that can be made or written to", err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("--output-dir: %w; name a directory that can be written to", err)
		}
		where = " in " + path
	}
	say(a.err, "Policy of %s%s.", policyOwner(d), where)
	if d.Part == d.Parts && d.Parts > iampolicy.MaxPoliciesPerRole {
		say(a.err, "These are %d policies, and a role has room for %d unless its quota was raised: "+
			"rules with patterns in place of single functions make them fewer.", d.Parts, iampolicy.MaxPoliciesPerRole)
	}
	return nil
}

func policyOwner(d *iampolicy.Policy) string {
	owner := "the base credentials, which assume the roles of the targets"
	if d.Target != (desired.Target{}) {
		owner = "the credentials for " + d.Target.String()
		if d.Label != "" {
			owner += ", " + d.Label
		}
	}
	if d.Parts > 1 {
		owner += fmt.Sprintf(", part %d of %d, because one policy holds %d characters", d.Part, d.Parts, iampolicy.MaxCharacters)
	}
	return owner
}

func policyFile(d *iampolicy.Policy, mode string) string {
	name := "base"
	if d.Target != (desired.Target{}) {
		name = d.Target.Account + "-" + d.Target.Region + "-" + mode
		if d.Target.Account == "*" { // of an organization
			name = strings.ReplaceAll(d.Label+"-"+d.Target.Region, "*", "all") + "-" + mode
		}
	}
	if d.Parts > 1 {
		name += fmt.Sprintf("-%d", d.Part)
	}
	return name
}

// currentTarget is the account and region of the current credentials.
func currentTarget(ctx context.Context) (desired.Target, error) {
	c, err := newClients(func() []desired.TargetSpec { return nil }, &readOptions{})
	defer c.close()
	if err != nil {
		return desired.Target{}, err
	}
	opened, err := c.Open(ctx, reconcile.OpenRequest{RunID: reconcile.NewRunID(time.Now()), Ambient: true})
	return opened.Ambient, err
}

// policyOptions are the options of iam-policy.
type policyOptions struct {
	targets   []string
	mode      string
	orphans   bool
	insights  insightsFlag
	queue     string
	location  string
	directory string
	form      string
}

// The modes, of which each allows what those before it do.
const (
	auditMode = "audit"
	applyMode = "apply"
	serveMode = "serve"
)

// permissions checks the options against the mode. What a mode does not use is
// refused where somebody typed it, and left out where a variable has set it:
// that may be meant for the verbs beside this one.
func (o *policyOptions) permissions(flags *pflag.FlagSet) (iampolicy.Options, error) {
	options := iampolicy.Options{Orphans: o.orphans}
	if o.insights.policy() != reconcile.InsightsOff {
		options.Insights = awslambda.InsightPermissions()
	}
	if o.mode != serveMode && typed(flags, "queue-url") {
		return options, fmt.Errorf("--queue-url does nothing with --mode %s, because only the worker takes events from a queue; leave it out, or use --mode serve", o.mode)
	}
	if o.mode != auditMode {
		options.Mode = iampolicy.Apply
	}
	var err error
	options.History, err = o.bucket(flags)
	if o.mode == serveMode && o.queue != "" && err == nil {
		options.Queue, err = queueARN(o.queue)
	}
	return options, err
}

func queueARN(url string) (string, error) {
	region, account, name, err := queue.Identify(url)
	if err != nil {
		return "", fmt.Errorf("--queue-url: %w", err)
	}
	return "arn:" + desired.Target{Region: region}.Partition() + ":sqs:" + region + ":" + account + ":" + name, nil
}

// bucket is the place of the history in S3; zero where it is elsewhere.
func (o *policyOptions) bucket(flags *pflag.FlagSet) (iampolicy.Bucket, error) {
	if !strings.HasPrefix(o.location, "s3://") {
		if typed(flags, "history") {
			return iampolicy.Bucket{}, fmt.Errorf("--history %q needs no permission of AWS; leave it out, or write s3://bucket/prefix", o.location)
		}
		return iampolicy.Bucket{}, nil
	}
	name, prefix, err := history.BucketOf(o.location)
	if err != nil {
		return iampolicy.Bucket{}, fmt.Errorf("--history: %w", err)
	}
	return iampolicy.Bucket{Name: name, Prefix: prefix}, nil
}

// typed reports whether a flag stands on the command line.
func typed(flags *pflag.FlagSet, name string) bool {
	f := flags.Lookup(name)
	return f.Changed && f.Annotations[variableAnnotation] == nil
}

// policyForms are the forms of a policy document: as IAM takes it, or as a managed
// policy in a template or a module of those who make their roles that way.
var policyForms = map[string]struct {
	ending string
	render func(*iampolicy.Policy, string) []byte
}{
	"json":           {".json", func(d *iampolicy.Policy, _ string) []byte { return d.JSON() }},
	"cloudformation": {".template.json", policyTemplate},
	"terraform":      {".tf", policyResource},
}

// policyTemplate is a CloudFormation template of its own.
func policyTemplate(d *iampolicy.Policy, _ string) []byte {
	template := map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              "eventinvoke: " + policyOwner(d),
		"Resources": map[string]any{"Policy": map[string]any{
			"Type": "AWS::IAM::ManagedPolicy", "Properties": map[string]any{"PolicyDocument": json.RawMessage(d.JSON())},
		}},
		"Outputs": map[string]any{"PolicyArn": map[string]any{"Value": map[string]any{"Ref": "Policy"}}},
	}
	var out bytes.Buffer
	_ = report.WriteJSON(&out, template) // maps of texts, and JSON that was made a line before
	return out.Bytes()
}

// policyResource is a Terraform resource. JSON is an expression of Terraform's, but
// for the two openings of its templates.
func policyResource(d *iampolicy.Policy, file string) []byte {
	name := strings.NewReplacer("-", "_").Replace("eventinvoke-" + file)
	document := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimSpace(string(d.JSON())))
	return []byte("# " + policyOwner(d) + "\nresource \"aws_iam_policy\" \"" + name + "\" {\n  name   = \"eventinvoke-" + file + "\"\n  policy = jsonencode(" +
		strings.ReplaceAll(document, "\n", "\n  ") + ")\n}\n")
}
