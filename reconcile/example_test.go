package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// account is one account and region as a map: all that an Engine needs of AWS.
type account struct {
	desired.Target
	limiter *ratelimit.Limiter

	mu      sync.Mutex // calls about several functions are made at once
	records map[desired.Name]reconcile.Settings
}

// Open implements reconcile.Opener.
func (a *account) Open(_ context.Context, req reconcile.OpenRequest) (reconcile.Opened, error) {
	target := reconcile.OpenTarget{Target: a.Target, Reader: a, Finder: a, Limiter: a.limiter}
	if req.Write {
		target.Writer = a
	}
	return reconcile.Opened{Ambient: a.Target, Targets: []reconcile.OpenTarget{target}}, nil
}

func (a *account) ListConfigs(_ context.Context, function, _ string) (reconcile.Page[reconcile.Record], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var page reconcile.Page[reconcile.Record]
	for name, settings := range a.records {
		if name.Function == function {
			page.Items = append(page.Items, reconcile.Record{Qualifier: name.Qualifier, Settings: settings})
		}
	}
	return page, nil
}

func (a *account) ListAliases(context.Context, string, string) (reconcile.Page[string], error) {
	return reconcile.Page[string]{}, nil
}

func (a *account) ListVersions(context.Context, string, string) (reconcile.Page[string], error) {
	return reconcile.Page[string]{}, nil
}

func (a *account) ListFunctions(context.Context, string) (reconcile.Page[reconcile.Function], error) {
	return reconcile.Page[reconcile.Function]{Items: []reconcile.Function{{Name: "orders"}, {Name: "payments-card"}, {Name: "payments-sepa"}}}, nil
}

func (a *account) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	return nil, nil
}

func (a *account) Put(_ context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records[name] = reconcile.Settings{}.With(c)
	return reconcile.Record{Qualifier: name.Qualifier, Settings: a.records[name]}, nil
}

func (a *account) Update(_ context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records[name] = a.records[name].With(c)
	return reconcile.Record{Qualifier: name.Qualifier, Settings: a.records[name]}, nil
}

func (a *account) Delete(_ context.Context, name desired.Name) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.records, name)
	return nil
}

// A run over a map: read, show the plan, write, and find nothing left to do.
func Example() {
	fleet, err := desired.Loader{Stdin: strings.NewReader(`
version: 1
rules:
  - match: { functions: ["payments-*"] }
    set: { maximum_retry_attempts: 0 }
`)}.LoadFiles("-")
	if err != nil {
		fmt.Println(err)
		return
	}
	aws := &account{
		Target: desired.Target{Account: "111111111111", Region: "eu-west-1"},
		records: map[desired.Name]reconcile.Settings{
			{Function: "payments-sepa", Qualifier: desired.Latest}: {desired.MaximumRetryAttempts: desired.Number(1)},
		},
		limiter: ratelimit.New(ratelimit.Options{Quota: 100}),
	}
	defer aws.limiter.Close()

	engine := reconcile.Engine{Opener: aws}
	for _, write := range []bool{true, false} {
		result, err := engine.Run(context.Background(), reconcile.Request{
			ID: reconcile.NewRunID(time.Now()), Started: time.Now(), Write: write,
			Wishes: reconcile.FleetWishes{Document: fleet},
		})
		if err != nil {
			fmt.Println(err)
		}
		for i := range result.Plan.Targets[0].Changes {
			change := &result.Plan.Targets[0].Changes[i]
			for _, s := range change.SettingChanges() {
				fmt.Println(change.Action, change.Name, s.Setting.Format(s.Before), "to", s.After)
			}
		}
		fmt.Println(result.Plan.Counts().InSync, "in sync")
	}
	// Output:
	// create payments-card (unset, so 2) to 0
	// change payments-sepa 1 to 0
	// 0 in sync
	// 2 in sync
}

func (a *account) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, nil
}
