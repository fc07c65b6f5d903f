package main

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func newTargets(a *app) *cobra.Command {
	var shards shardOptions
	var format string
	var options readOptions // of the question which accounts an organization has
	cmd := &cobra.Command{
		Use:   "targets [PATH...]",
		Short: "List the accounts and regions of a fleet",
		Long: `List the accounts and regions that the fleet files declare, and ask AWS
Organizations where they leave the accounts to it. As JSON it is the input of a
Step Functions Distributed Map.`,
		Example: `  eventinvoke targets fleet.yaml
  eventinvoke targets fleet.yaml -o json --shard 0/4`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := shards.check(); err != nil {
				return err
			}
			doc, err := a.loadFor(cmd.Context(), args, &options)
			if err != nil {
				return err
			}
			targets, err := doc.Targets(desired.Target{})
			if err != nil {
				return err
			}
			mine := shards.inShard(doc)
			targets = slices.DeleteFunc(targets, func(t desired.TargetSpec) bool { return !mine(t.Target) })
			if format == "json" {
				return a.targetsJSON(targets)
			}
			return a.targetsText(targets)
		},
	}
	shards.bind(cmd)
	bindFormat(cmd, &format)
	bindSimulate(cmd, &options.simulate)
	return cmd
}

// declaredIn are the targets that a document declares; none where it leaves them to the
// current credentials.
func declaredIn(document *desired.Document) []desired.TargetSpec {
	if !document.DeclaresTargets() {
		return nil
	}
	all, _ := document.Targets(desired.Target{}) // fails only where none is declared
	return all
}

// placesOf are the targets that wishes are about, declared or that of the current credentials.
func placesOf(w reconcile.Wishes, ambient desired.Target) []desired.TargetSpec {
	if targets, declared := w.Targets(); declared {
		return targets
	}
	return []desired.TargetSpec{{Target: ambient}}
}

func (a *app) targetsJSON(targets []desired.TargetSpec) error {
	type item struct {
		Target  string `json:"target"` // what --target takes
		Label   string `json:"label"`
		Account string `json:"account"`
		Region  string `json:"region"`
	}
	return report.WriteJSON(a.out, slice.Map(targets, func(t desired.TargetSpec) item {
		return item{Target: t.Target.String(), Label: t.Label, Account: t.Account, Region: t.Region}
	}))
}

func (a *app) targetsText(targets []desired.TargetSpec) error {
	rows := slice.Map(targets, func(t desired.TargetSpec) []string { return []string{t.Target.String(), t.Label, t.RoleARN} })
	return report.Table(a.out, 0, rows, lineOptions(a.out))
}

// shardOptions say which part of the targets this process works on.
type shardOptions struct {
	flag  string
	bound bool        // the verb has the flag; no other works on a part
	mine  shard.Shard // set by check
}

func (o *shardOptions) bind(cmd *cobra.Command) {
	o.bound = true
	cmd.Flags().StringVar(&o.flag, "shard", "", "only part `I/N` of the targets, I from 0 (default: "+shard.EnvIndex+" and "+shard.EnvCount+", a Kubernetes or AWS Batch index, or all)")
}

func (o *shardOptions) check() (err error) {
	if o.bound || o.flag != "" {
		o.mine, err = shard.Resolve(o.flag, os.Getenv)
	}
	return err
}

// inShard tells which of the targets that a document declares belong to this process.
func (o *shardOptions) inShard(document *desired.Document) func(desired.Target) bool {
	all := slice.Map(declaredIn(document), func(t desired.TargetSpec) desired.Target { return t.Target })
	return func(t desired.Target) bool { return o.mine.Count == 0 || o.mine.Contains(all, t) }
}

// recorded is the shard as a record names it: the zero value for a run that is
// not divided.
func (o *shardOptions) recorded() shard.Shard {
	if o.mine.IsWhole() {
		return shard.Shard{}
	}
	return o.mine
}

// runOfArray is the name that the children of an AWS Batch array job have in
// common: each is called PARENT:INDEX. It is "" elsewhere. Kubernetes has no
// such variable: there a manifest sets EVENTINVOKE_RUN_ID from the Job's name.
func runOfArray(getenv func(string) string) string {
	parent, index, ok := strings.Cut(getenv("AWS_BATCH_JOB_ID"), ":")
	if !ok || index != getenv("AWS_BATCH_JOB_ARRAY_INDEX") {
		return ""
	}
	return parent
}

// jobOf is the address of the CI job that the environment tells of, or "".
func jobOf(getenv func(string) string) string {
	if repository := getenv("GITHUB_REPOSITORY"); repository != "" && getenv("GITHUB_RUN_ID") != "" {
		return getenv("GITHUB_SERVER_URL") + "/" + repository + "/actions/runs/" + getenv("GITHUB_RUN_ID")
	}
	return cmp.Or(getenv("CI_JOB_URL"), getenv("BUILD_URL"), getenv("BUILDKITE_BUILD_URL"), getenv("CIRCLE_BUILD_URL"), getenv("CODEBUILD_BUILD_ID"))
}
