package awslambda

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Page sizes: the most that one answer holds. ListAliases is the only listing
// without a cap of 50.
const (
	maxConfigs   = 50
	maxVersions  = 50
	maxFunctions = 50
	maxAliases   = 10000
)

// Reader reads one target. Its client cannot send anything but reads.
type Reader struct {
	conn   *Conn
	client *lambda.Client
}

var _ reconcile.Reader = (*Reader)(nil)

// NewReader makes a Reader over a connection.
func NewReader(c *Conn) *Reader { return &Reader{conn: c, client: c.client(readOperations())} }

// ListConfigs implements reconcile.Reader.
func (r *Reader) ListConfigs(ctx context.Context, function, marker string) (page reconcile.Page[reconcile.Record], err error) {
	about := r.conn.about(opListConfigs, function, desired.Latest)
	out, err := r.client.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxConfigs),
	})
	if err != nil {
		return page, about.failed(err)
	}
	if err := listed(out.FunctionEventInvokeConfigs, "FunctionEventInvokeConfigs"); err != nil {
		return page, about.badAnswer(out.ResultMetadata, err)
	}
	items := make([]reconcile.Record, len(out.FunctionEventInvokeConfigs))
	for i := range items {
		if items[i], err = toRecord(r.conn.target, function, &out.FunctionEventInvokeConfigs[i]); err != nil {
			return page, about.badAnswer(out.ResultMetadata, err)
		}
	}
	return reconcile.Page[reconcile.Record]{Items: items, Next: aws.ToString(out.NextMarker)}, nil
}

// ListAliases implements reconcile.Reader.
func (r *Reader) ListAliases(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	about := r.conn.about(opListAliases, function, desired.Latest)
	out, err := r.client.ListAliases(ctx, &lambda.ListAliasesInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxAliases),
	})
	if err != nil {
		return reconcile.Page[string]{}, about.failed(err)
	}
	return namePage(about, out.ResultMetadata, out.Aliases, "Aliases", out.NextMarker,
		func(a types.AliasConfiguration) (name, arn *string) { return a.Name, a.AliasArn })
}

// ListVersions implements reconcile.Reader. $LATEST, which every listing of
// versions begins with, is no published version and is left out.
func (r *Reader) ListVersions(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	about := r.conn.about(opListVersions, function, desired.Latest)
	out, err := r.client.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxVersions),
	})
	if err != nil {
		return reconcile.Page[string]{}, about.failed(err)
	}
	page, err := namePage(about, out.ResultMetadata, out.Versions, "Versions", out.NextMarker,
		func(f types.FunctionConfiguration) (name, arn *string) { return f.Version, f.FunctionArn })
	page.Items = slices.DeleteFunc(page.Items, func(v string) bool { return v == desired.Latest })
	return page, err
}

// ListFunctions reads the target's functions.
func (r *Reader) ListFunctions(ctx context.Context, marker string) (page reconcile.Page[reconcile.Function], err error) {
	about := r.conn.about(opListFunctions, "", desired.Latest)
	out, err := r.client.ListFunctions(ctx, &lambda.ListFunctionsInput{
		Marker: optional(marker), MaxItems: aws.Int32(maxFunctions),
	})
	if err != nil {
		return page, about.failed(err)
	}
	names, err := namePage(about, out.ResultMetadata, out.Functions, "Functions", out.NextMarker,
		func(f types.FunctionConfiguration) (name, arn *string) { return f.FunctionName, f.FunctionArn })
	if err != nil {
		return page, err
	}
	page.Next = names.Next
	for i, name := range names.Items {
		f := reconcile.Function{Name: name}
		f.Role = aws.ToString(out.Functions[i].Role)
		if dead := out.Functions[i].DeadLetterConfig; dead != nil {
			f.DeadLetter = aws.ToString(dead.TargetArn)
		}
		page.Items = append(page.Items, f)
	}
	return page, nil
}

// namePage takes a page of names out of an answer.
func namePage[T any](about call, md middleware.Metadata, list []T, key string, next *string, of func(T) (name, arn *string)) (reconcile.Page[string], error) {
	err := listed(list, key)
	var names []string
	if err == nil {
		names, err = toNames(about.target, about.name.Function, list, of)
	}
	if err != nil {
		return reconcile.Page[string]{}, about.badAnswer(md, err)
	}
	return reconcile.Page[string]{Items: names, Next: aws.ToString(next)}, nil
}

// listed refuses an answer without its list, which the SDK tells from an empty one
// by nil: to take it for an empty one would be to say that nothing is there.
func listed[T any](list []T, key string) error {
	if list == nil {
		return fmt.Errorf("%s is missing or null where a list is due", key)
	}
	return nil
}

// optional is nil for an empty string: AWS refuses an empty marker.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
