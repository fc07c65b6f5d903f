// Package organization asks AWS Organizations which accounts a fleet lives in.
//
// In goes an item of a fleet file's targets that names an organization; out come its
// members, each with the regions that it has enabled where those are wanted.
//
// What holds: only active accounts are members; a listing of accounts is whole or an
// error, never a part; an account of which the regions alone are refused is a member that
// says so; every attempt is paced, which leaves the most of the organization's quota to
// others. A listing costs a request for twenty accounts and, of a unit, one more for each
// unit in it; enabled regions cost a request an account, which AWS Account Management
// answers and Organizations does not. The package never writes.
package organization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// perSecond is how many requests a second Organizations is sent. What it allows is not
// published for each operation.
const perSecond = 8

// regionsPerSecond is below the 5 that ListRegions allows for all callers of an account:
// https://docs.aws.amazon.com/accounts/latest/reference/quotas.html
const regionsPerSecond = 4

// patience is how long a request is tried that is always throttled.
const patience = time.Minute

// Directory asks on behalf of one set of credentials. It is safe for concurrent use.
type Directory struct {
	organizations *organizations.Client
	account       *account.Client
	caller        func(context.Context) (string, error) // the account that asks
	region        string
	limiter       *ratelimit.Limiter // of Organizations
	regionLimiter *ratelimit.Limiter
}

// New makes a directory of the organization of a set of credentials, to be closed. It
// makes no request.
func New(cfg aws.Config) *Directory {
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // Organizations is one for each partition
	}
	d := &Directory{
		region:        cfg.Region,
		limiter:       ratelimit.New(ratelimit.Options{Quota: perSecond, Share: 1}),
		regionLimiter: ratelimit.New(ratelimit.Options{Quota: regionsPerSecond, Share: 1}),
		caller: func(ctx context.Context) (string, error) {
			who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			if err != nil {
				return "", awslambda.AsCallError("the base credentials", err)
			}
			return aws.ToString(who.Account), nil
		},
	}
	d.organizations = organizations.NewFromConfig(awslambda.Paced(cfg, func() *ratelimit.Limiter { return d.limiter }))
	d.account = account.NewFromConfig(awslambda.Paced(cfg, func() *ratelimit.Limiter { return d.regionLimiter }))
	return d
}

// Close ends the directory's pacing.
func (d *Directory) Close() {
	d.limiter.Close()
	d.regionLimiter.Close()
}

// deniedFirst is how many accounts may refuse to tell their regions before nobody is asked
// any more: what all refuse is a permission that the caller lacks.
const deniedFirst = 5

// Members lists the active accounts of an organization, or of units of it, sorted.
func (d *Directory) Members(ctx context.Context, of desired.Organization) ([]desired.Member, error) {
	accounts, err := d.accounts(ctx, of)
	if err != nil {
		return nil, failed(of, err)
	}
	members := make([]desired.Member, len(accounts))
	refused := 0
	for i, a := range accounts {
		members[i].Account = aws.ToString(a.Id)
		if !of.Enabled {
			continue
		}
		regions, err := d.regions(ctx, a)
		if call, ok := errors.AsType[*callerr.Error](err); ok && (call.Kind == callerr.Denied || call.Kind == callerr.Invalid) {
			// The region of the caller is there for the row alone.
			members[i].Err, regions = fmt.Errorf("which regions %s has enabled is not known: %w", members[i].Account, err), []string{d.region}
			if refused++; refused == i+1 && (refused == deniedFirst || refused == len(accounts)) {
				return nil, failed(of, err)
			}
		} else if err != nil {
			return nil, failed(of, err)
		}
		members[i].Regions = regions
	}
	return members, nil
}

func failed(of desired.Organization, err error) error {
	return fmt.Errorf("%s: which accounts %s has is not known: %w", of.Pos, of.Label, err)
}

// accounts lists active accounts, each once, sorted by id.
func (d *Directory) accounts(ctx context.Context, of desired.Organization) ([]types.Account, error) {
	var found []types.Account
	if len(of.Units) == 0 {
		var err error
		if found, err = pages(ctx, d.limiter, of.Label, func(ctx context.Context, token *string) ([]types.Account, *string, error) {
			page, err := d.organizations.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return page.Accounts, page.NextToken, nil
		}); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for todo := slices.Clone(of.Units); len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		accounts, below, err := d.unit(ctx, todo[0])
		if err != nil {
			return nil, err
		}
		found, todo = append(found, accounts...), append(todo, below...)
	}
	found = slices.DeleteFunc(found, func(a types.Account) bool { return !active(a) })
	byID := func(a, b types.Account) int { return cmp.Compare(aws.ToString(a.Id), aws.ToString(b.Id)) }
	slices.SortFunc(found, byID)
	return slices.CompactFunc(found, func(a, b types.Account) bool { return byID(a, b) == 0 }), nil
}

// unit lists the accounts right under a unit, and the units under it.
func (d *Directory) unit(ctx context.Context, id string) ([]types.Account, []string, error) {
	accounts, err := pages(ctx, d.limiter, id, func(ctx context.Context, token *string) ([]types.Account, *string, error) {
		page, err := d.organizations.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &id, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return page.Accounts, page.NextToken, nil
	})
	if err != nil {
		return nil, nil, err
	}
	below, err := pages(ctx, d.limiter, id, func(ctx context.Context, token *string) ([]types.OrganizationalUnit, *string, error) {
		page, err := d.organizations.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &id, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return page.OrganizationalUnits, page.NextToken, nil
	})
	return accounts, slice.Map(below, func(u types.OrganizationalUnit) string { return aws.ToString(u.Id) }), err
}

// active reports whether an account can be used. State replaces Status, which AWS
// retires in September 2026: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
func active(a types.Account) bool {
	if a.State != "" {
		return a.State == types.AccountStateActive
	}
	return a.Status == types.AccountStatusActive
}

// regions lists what an account has enabled, sorted. The management account may not name
// itself, so it is asked about without a name, and only by itself.
func (d *Directory) regions(ctx context.Context, a types.Account) ([]string, error) {
	id := a.Id
	if of, _ := arn.Parse(aws.ToString(a.Arn)); of.AccountID == aws.ToString(a.Id) {
		caller, err := d.caller(ctx)
		if err != nil {
			return nil, err
		}
		if caller == of.AccountID {
			id = nil
		}
	}
	found, err := pages(ctx, d.regionLimiter, aws.ToString(a.Id), func(ctx context.Context, token *string) ([]accounttypes.Region, *string, error) {
		page, err := d.account.ListRegions(ctx, &account.ListRegionsInput{
			AccountId: id, NextToken: token, MaxResults: aws.Int32(50),
			RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
		})
		if err != nil {
			return nil, nil, err
		}
		return page.Regions, page.NextToken, nil
	})
	regions := slice.Map(found, func(r accounttypes.Region) string { return aws.ToString(r.RegionName) })
	slices.Sort(regions)
	return regions, err
}

// maxPages is above what the largest organizations have: 10,000 accounts are 500 pages.
const maxPages = 2000

// pages collects a listing to its end. A listing without an end is an error, since a part
// of it would be a smaller fleet. Nothing is lost with a read that nobody waits for any more:
// the end of ctx is not held up by a request under way.
func pages[T any](ctx context.Context, limiter *ratelimit.Limiter, subject string, next func(ctx context.Context, token *string) ([]T, *string, error)) ([]T, error) {
	l := &listing[T]{subject: subject, next: next, tokens: awslambda.Pages{Max: maxPages}}
	done := make(chan struct{})
	go func() {
		ratelimit.Run(ctx, limiter, ratelimit.Policy{Workers: 1, FaultAttempts: 3, GiveUpAfter: patience}, slices.Values([]ratelimit.Job{l}))
		close(done)
	}()
	select {
	case <-done:
		return l.all, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// listing is a ratelimit.Job: page after page.
type listing[T any] struct {
	subject string
	next    func(ctx context.Context, token *string) ([]T, *string, error)

	tokens    awslambda.Pages
	following *string
	page, all []T
	over      bool
	err       error
}

// Next implements ratelimit.Job.
func (l *listing[T]) Next() (ratelimit.Priority, bool) { return ratelimit.Scan, !l.over }

// Call implements ratelimit.Job.
func (l *listing[T]) Call(ctx context.Context) (err error) {
	l.page, l.following, err = l.next(ctx, l.tokens.Token)
	return awslambda.AsCallError(l.subject, err)
}

// Done implements ratelimit.Job.
func (l *listing[T]) Done(err error, _ ratelimit.CallStats) {
	if err == nil {
		l.all = append(l.all, l.page...)
		err = l.tokens.Turn(l.following)
	}
	l.err, l.over = err, err != nil || l.tokens.Token == nil
}
