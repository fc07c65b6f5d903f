package main

import (
	"cmp"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/shard"
)

// shardOptions say which part of the targets this process works on.
type shardOptions struct {
	flag string
	mine shard.Shard // set by check
}

func (o *shardOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.flag, "shard", "", "only part `I/N` of the targets, I from 0 (default: "+shard.EnvIndex+" and "+shard.EnvCount+", a Kubernetes or AWS Batch index, or all)")
}

func (o *shardOptions) check() (err error) {
	o.mine, err = shard.Resolve(o.flag, os.Getenv)
	return err
}

// owns tells which of the targets that a document declares belong to this process.
func (o *shardOptions) owns(document *desired.Document) func(desired.Target) bool {
	var all []desired.Target
	for _, t := range declaredIn(document) {
		all = append(all, t.Target)
	}
	return func(t desired.Target) bool { return o.mine.Count == 0 || o.mine.Owns(all, t) }
}

// recorded is the shard as a record names it: the zero value for a run that is
// not divided.
func (o *shardOptions) recorded() history.Shard {
	if o.mine.Count == 0 || o.mine.IsWhole() {
		return history.Shard{}
	}
	return history.Shard{Index: o.mine.Index, Count: o.mine.Count}
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
