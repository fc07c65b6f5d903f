package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/iampolicy"
	"github.com/eventinvoke/eventinvoke/internal/worker/queue"
)

// policyOptions are the options of iam-policy.
type policyOptions struct {
	targets   []string
	mode      string
	orphans   bool
	queue     string
	location  string
	directory string
}

// The modes, of which each allows what those before it do.
const (
	auditMode = "audit"
	applyMode = "apply"
	serveMode = "serve"
)

var policyModes = []string{auditMode, applyMode, serveMode}

// permissions checks the options against the mode. What a mode does not use is
// refused where somebody typed it, and left out where a variable has set it:
// that may be meant for the verbs beside this one.
func (o *policyOptions) permissions(flags *pflag.FlagSet) (iampolicy.Options, error) {
	options := iampolicy.Options{Orphans: o.orphans}
	switch {
	case !slices.Contains(policyModes, o.mode):
		return options, fmt.Errorf("--mode %q is not known; use audit, apply or serve", o.mode)
	case o.mode == auditMode && typed(flags, "history"):
		return options, errors.New("--history does nothing with --mode audit, because plan and audit remember no runs; leave it out, or use --mode apply or serve")
	case o.mode != serveMode && typed(flags, "queue-url"):
		return options, fmt.Errorf("--queue-url does nothing with --mode %s, because only the worker takes events from a queue; leave it out, or use --mode serve", o.mode)
	}
	var err error
	if o.mode == applyMode || o.mode == serveMode {
		options.Mode = iampolicy.Apply
		options.History, err = o.bucket(flags)
	}
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
	return "arn:" + desired.PartitionOf(region) + ":sqs:" + region + ":" + account + ":" + name, nil
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
