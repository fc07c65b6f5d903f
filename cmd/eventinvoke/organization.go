package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/organization"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// membersFor is how long a worker goes on with the accounts that it was told of.
const membersFor = 15 * time.Minute

// again is when it asks again after there was no answer.
const again = time.Minute

// memberCache is what AWS Organizations said last, of each organization of a fleet file.
type memberCache struct {
	sync.Mutex
	of      []desired.Organization
	members map[string][]desired.Member
	at      time.Time
	err     error // why it said nothing new; nil: it did
}

// expire has the next reader ask again, however lately it was asked.
func (e *memberCache) expire() {
	e.Lock()
	defer e.Unlock()
	e.at = time.Time{}
}

// problem is why a worker goes on with the accounts it knew before, or nil.
func (e *memberCache) problem() error {
	e.Lock()
	defer e.Unlock()
	return e.err
}

// old reports whether it is time to ask again.
func (e *memberCache) old() bool {
	e.Lock()
	defer e.Unlock()
	return len(e.of) > 0 && time.Since(e.at) >= membersFor
}

// withMembers gives a document the accounts of its organizations. A document without any costs
// nothing. What was asked a while ago is asked again; a worker that gets no answer then
// goes on with the accounts it knows, and with the regions of those that would not tell.
func (a *app) withMembers(ctx context.Context, document *desired.Document, o *readOptions) (*desired.Document, error) {
	of := document.Organizations()
	known := &a.knownMembers
	known.Lock()
	defer known.Unlock()
	if len(of) == 0 {
		known.of, known.err = nil, nil
		return document, nil
	}
	same := slices.EqualFunc(known.of, of, func(x, y desired.Organization) bool {
		return x.Label == y.Label && x.Enabled == y.Enabled && slices.Equal(x.Units, y.Units)
	})
	if same && time.Since(known.at) < membersFor {
		return document.WithMembers(known.members), nil
	}
	members, err := a.members(ctx, of, o)
	switch {
	case err != nil && same:
		known.at = time.Now().Add(again - membersFor)
		known.err = fmt.Errorf("%w (%w)", err, worker.ErrAccounts)
		return document.WithMembers(known.members), nil
	case err != nil:
		return nil, err
	}
	known.of, known.members, known.at = of, members, time.Now()
	known.err = nil
	return document.WithMembers(members), nil
}

// members asks Organizations with the base credentials.
func (a *app) members(ctx context.Context, of []desired.Organization, o *readOptions) (map[string][]desired.Member, error) {
	ctx, cancel := withTimeout(ctx, o.timeout)
	defer cancel()
	progress := a.startProgress(&o.outputOptions, "listing the accounts of AWS Organizations", func() map[desired.Target]ratelimit.Snapshot { return nil })
	defer progress.close()
	environment := awslambda.Environment{Version: version, MFAToken: mfaToken()}
	if err := o.simulated(&environment); err != nil {
		return nil, err
	}
	cfg, err := awslambda.LoadConfig(ctx, environment)
	if err != nil {
		return nil, err
	}
	directory := organization.New(cfg)
	defer directory.Close()
	members := map[string][]desired.Member{}
	for _, o := range of {
		if members[o.Label], err = directory.Members(ctx, o); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// accountsSince says which accounts organizations have won or lost since the newest run that is
// remembered, over whatever part of them that was. Neither is a reason to stop: a new account is
// checked like any other, and what was in one that is gone is out of reach.
func accountsSince(ctx context.Context, h *history.History, accounts map[string][]string) []report.AccountChange {
	runs, err := h.List(ctx, history.ListOptions{Limit: 1, All: true})
	if err != nil || len(runs) == 0 {
		return nil // whoever writes there tells what is wrong
	}
	return changeOf(runs[0].Attempts[len(runs[0].Attempts)-1].Organizations, accounts, runs[0].ID)
}

// changeOf compares the accounts of organizations that two times have in common.
func changeOf(before, now map[string][]string, since string) []report.AccountChange {
	var all []report.AccountChange
	for _, label := range slices.Sorted(maps.Keys(now)) {
		was, known := before[label]
		c := report.AccountChange{Label: label, Joined: without(now[label], was), Left: without(was, now[label]), Since: since}
		if known && len(c.Joined)+len(c.Left) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// without are those of some accounts that others lack.
func without(some, others []string) []string {
	return slices.DeleteFunc(append([]string{}, some...), func(account string) bool { return slices.Contains(others, account) })
}
