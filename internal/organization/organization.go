// Package organization asks AWS Organizations which accounts a fleet lives in.
//
// In goes an item of a fleet file's targets that names an organization; out come its
// members, each with the regions that it has enabled where those are wanted.
//
// What holds: only active accounts are members; an answer is whole or an error, never a
// part; requests follow each other at a pace that leaves the most of the organization's
// quota to others. A listing costs a request for twenty accounts and, of a unit, one more
// for each unit in it; enabled regions cost a request an account, which AWS Account
// Management answers and Organizations does not. The package never writes.
package organization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// perSecond is how many requests a second are sent. What an organization allows is not
// published for each operation; the SDK's backoff answers what is throttled all the same.
const perSecond = 8

// Directory asks on behalf of one set of credentials. It is safe for concurrent use.
type Directory struct {
	organizations *organizations.Client
	account       *account.Client
	caller        func(context.Context) (string, error) // the account that asks
	limiter       *ratelimit.Limiter
}

// New makes a directory of the organization of a set of credentials, to be closed. It
// makes no request.
func New(cfg aws.Config) *Directory {
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // Organizations is one for each partition
	}
	return &Directory{
		organizations: organizations.NewFromConfig(cfg), account: account.NewFromConfig(cfg), limiter: ratelimit.New(ratelimit.Settings{Quota: perSecond, Share: 1}),
		caller: func(ctx context.Context) (string, error) {
			who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			if err != nil {
				return "", err
			}
			return aws.ToString(who.Account), nil
		},
	}
}

// Close ends the directory's pacing.
func (d *Directory) Close() { d.limiter.Close() }

// Members lists the active accounts of an organization, or of units of it, sorted.
func (d *Directory) Members(ctx context.Context, of desired.Organization) ([]desired.Member, error) {
	accounts, err := d.accounts(ctx, of.Units)
	if err != nil {
		return nil, failed(of, err)
	}
	members := make([]desired.Member, len(accounts))
	errs := make([]error, len(accounts))
	var wg sync.WaitGroup
	for i, a := range accounts {
		members[i].Account = aws.ToString(a.Id)
		if of.Enabled {
			wg.Go(func() { members[i].Regions, errs[i] = d.regions(ctx, a) })
		}
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, failed(of, errs[i])
	}
	return members, nil
}

func failed(of desired.Organization, err error) error {
	return fmt.Errorf("which accounts %s has is not known: %w", of.Label, awslambda.AsCallError(of.Label, err))
}

// accounts lists active accounts, each once, sorted by id.
func (d *Directory) accounts(ctx context.Context, units []string) ([]types.Account, error) {
	var found []types.Account
	if len(units) == 0 {
		var err error
		if found, err = pages(ctx, d, func(token *string) ([]types.Account, *string, error) {
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
	for todo := slices.Clone(units); len(todo) > 0; todo = todo[1:] {
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
	accounts, err := pages(ctx, d, func(token *string) ([]types.Account, *string, error) {
		page, err := d.organizations.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &id, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return page.Accounts, page.NextToken, nil
	})
	if err != nil {
		return nil, nil, err
	}
	below, err := pages(ctx, d, func(token *string) ([]types.OrganizationalUnit, *string, error) {
		page, err := d.organizations.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &id, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return page.OrganizationalUnits, page.NextToken, nil
	})
	ids := make([]string, len(below))
	for i, u := range below {
		ids[i] = aws.ToString(u.Id)
	}
	return accounts, ids, err
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
	found, err := pages(ctx, d, func(token *string) ([]accounttypes.Region, *string, error) {
		page, err := d.account.ListRegions(ctx, &account.ListRegionsInput{
			AccountId: id, NextToken: token, MaxResults: aws.Int32(50),
			RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
		})
		if err != nil {
			return nil, nil, err
		}
		return page.Regions, page.NextToken, nil
	})
	regions := make([]string, len(found))
	for i, r := range found {
		regions[i] = aws.ToString(r.RegionName)
	}
	slices.Sort(regions)
	return regions, err
}

// maxPages is above what the largest organizations have: 10,000 accounts are 500 pages.
const maxPages = 2000

// pages collects a listing to its end. A listing without an end is an error, since a part
// of it would be a smaller fleet.
func pages[T any](ctx context.Context, d *Directory, next func(token *string) ([]T, *string, error)) (all []T, err error) {
	var token *string
	for range maxPages {
		grant, err := d.limiter.Acquire(ctx, ratelimit.Scan)
		if err != nil {
			return nil, err
		}
		page, following, err := next(token)
		grant.Done(ratelimit.ResultOf(err))
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); aws.ToString(following) == "" {
			return all, nil
		}
		if token != nil && *following == *token {
			break
		}
		token = following
	}
	return nil, errors.New("the listing never ends: AWS gave the same page again")
}
