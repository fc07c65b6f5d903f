package main

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// paceOptions bound the calls.
type paceOptions struct {
	quota   float64
	share   float64
	timeout time.Duration
	random  func() float64 // the source of jitter; nil is chance, and a test fixes it
}

func (o *paceOptions) bind(cmd *cobra.Command) {
	cmd.Flags().Var((*setNumber)(&o.quota), "quota", "`REQUESTS` a second that AWS allows each account and region (default: the fleet file's, or 15)")
	cmd.Flags().Var((*setNumber)(&o.share), "rate-share", "use at most this `SHARE` of the quota, 0.1 to 1 (default: the fleet file's, or 0.9)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "begin nothing new after `DURATION`, such as 10m; what is left is reported")
}

// setNumber is a flag of which 0 means that it is not set, and so cannot be asked for.
type setNumber float64

func (n *setNumber) String() string { return strconv.FormatFloat(float64(*n), 'g', -1, 64) }
func (n *setNumber) Type() string   { return "positive" }

func (n *setNumber) Set(s string) error {
	number, err := strconv.ParseFloat(s, 64)
	if err == nil && number == 0 {
		err = strconv.ErrRange
	}
	*n = setNumber(number)
	return err
}

func (o *paceOptions) check() error {
	if o.timeout < 0 {
		return fmt.Errorf("--timeout %v is negative; leave it out for none", o.timeout)
	}
	if awslambda.Pace(o.quota, 0).Validate() != nil {
		return fmt.Errorf("--quota %v: use a number above 0, of requests per second", o.quota)
	}
	if awslambda.Pace(0, o.share).Validate() != nil {
		return fmt.Errorf("--rate-share %v: use a share of the quota, 0.1 to 1", o.share)
	}
	return nil
}

// settingsOf is the pace of one target: a flag beats the fleet file, which
// beats the default.
func (o *paceOptions) settingsOf(t desired.TargetSpec) ratelimit.Options {
	pace := awslambda.Pace(cmp.Or(o.quota, t.Quota), cmp.Or(o.share, t.RateShare))
	pace.Rand = o.random
	return pace
}
