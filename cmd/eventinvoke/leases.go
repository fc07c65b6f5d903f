package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
)

// hold takes the leases of targets, or of none: those it has when it fails are
// given back by release. All runs take them in the same order, so that no two
// can wait for each other.
func (k *keeper) hold(p *pass, targets []desired.Target, wait time.Duration) error {
	owner := history.Owner{Run: k.first.Run, Host: k.first.Host, PID: k.first.PID, Version: k.first.ToolVersion}
	until := time.Now().Add(wait)
	slices.SortFunc(targets, desired.Target.Compare)
	for _, t := range slices.Compact(targets) {
		lease, err := k.history.Acquire(p.ctx, t, owner, history.LeaseOptions{Wait: max(0, time.Until(until))})
		if err != nil {
			return err
		}
		k.leases[t] = lease
		if former := lease.PreviousOwner(); former != nil {
			p.app.log.Warn("a run that did not end held this target; its journal tells what it did",
				"target", t.String(), "run", former.Run, "host", former.Host, "pid", former.PID, "see", "eventinvoke history "+former.Run+k.flag())
		}
	}
	return nil
}

// giveBackTimeout bounds what a store that hangs can cost at the end. A lease
// that is not given back ends by itself.
const giveBackTimeout = 30 * time.Second

// release gives the leases back, also for a run that was interrupted.
func (k *keeper) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
	defer cancel()
	var problems []error
	for _, lease := range k.leases {
		var lost *history.LostError // which the report has told already
		if err := lease.Release(ctx); err != nil && !errors.As(err, &lost) {
			problems = append(problems, err)
		}
	}
	k.leases = nil
	return errors.Join(problems...)
}

// held ends when the lease of a target is lost.
func (k *keeper) held(t desired.Target) context.Context {
	if k == nil || k.leases[t] == nil {
		return nil
	}
	return k.leases[t].Context()
}
