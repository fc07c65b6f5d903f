package awslambda

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
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
	lane   *Conn
	client *lambda.Client
}

var _ reconcile.Reader = (*Reader)(nil)

// NewReader makes a Reader over a lane.
func NewReader(l *Conn) *Reader { return &Reader{lane: l, client: l.client(readOperations())} }

func (r *Reader) about(op, function string) call {
	return call{op: op, target: r.lane.target, keys: r.lane.keys, name: desired.Name{Function: function, Qualifier: desired.Latest}}
}

// ListConfigs implements reconcile.Reader.
func (r *Reader) ListConfigs(ctx context.Context, function, marker string) (reconcile.Page[reconcile.Record], error) {
	var page reconcile.Page[reconcile.Record]
	about := r.about(opListConfigs, function)
	out, err := r.client.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxConfigs),
	})
	if err != nil {
		return page, about.asCallError(failureOf(err))
	}
	list, err := answerIn[wireConfigs](out.ResultMetadata)
	if err != nil {
		return page, about.distrust(out.ResultMetadata, err)
	}
	page.Items = make([]reconcile.Record, len(list.FunctionEventInvokeConfigs))
	for i, w := range list.FunctionEventInvokeConfigs {
		if page.Items[i], err = toRecord(r.lane.target, function, w); err != nil {
			return reconcile.Page[reconcile.Record]{}, about.distrust(out.ResultMetadata, err)
		}
	}
	page.Next = aws.ToString(list.NextMarker)
	return page, nil
}

// ListAliases implements reconcile.Reader.
func (r *Reader) ListAliases(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	about := r.about(opListAliases, function)
	out, err := r.client.ListAliases(ctx, &lambda.ListAliasesInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxAliases),
	})
	if err != nil {
		return reconcile.Page[string]{}, about.asCallError(failureOf(err))
	}
	return namePage(about, out.ResultMetadata, wireAliases.list)
}

// ListVersions implements reconcile.Reader. $LATEST, which every listing of
// versions begins with, is no published version and is left out.
func (r *Reader) ListVersions(ctx context.Context, function, marker string) (reconcile.Page[string], error) {
	about := r.about(opListVersions, function)
	out, err := r.client.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxVersions),
	})
	if err != nil {
		return reconcile.Page[string]{}, about.asCallError(failureOf(err))
	}
	page, err := namePage(about, out.ResultMetadata, wireVersions.list)
	page.Items = slices.DeleteFunc(page.Items, func(v string) bool { return v == desired.Latest })
	return page, err
}

// ListFunctions reads the names of the target's functions.
func (r *Reader) ListFunctions(ctx context.Context, marker string) (reconcile.Page[string], error) {
	about := r.about(opListFunctions, "")
	out, err := r.client.ListFunctions(ctx, &lambda.ListFunctionsInput{
		Marker: optional(marker), MaxItems: aws.Int32(maxFunctions),
	})
	if err != nil {
		return reconcile.Page[string]{}, about.asCallError(failureOf(err))
	}
	return namePage(about, out.ResultMetadata, wireFunctions.list)
}

// namePage takes a page of names out of an answer.
func namePage[L any](about call, md middleware.Metadata, list func(L) ([]wireName, *string)) (reconcile.Page[string], error) {
	answer, err := answerIn[L](md)
	if err != nil {
		return reconcile.Page[string]{}, about.distrust(md, err)
	}
	items, next := list(answer)
	names, err := toNames(about.target, about.name.Function, items)
	if err != nil {
		return reconcile.Page[string]{}, about.distrust(md, err)
	}
	return reconcile.Page[string]{Items: names, Next: aws.ToString(next)}, nil
}

// optional is nil for an empty string: AWS refuses an empty marker.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
