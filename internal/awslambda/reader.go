package awslambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
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
func NewReader(c *Conn) *Reader { return &Reader{conn: c, client: c.client(readOperations)} }

// ListConfigs implements reconcile.Reader.
func (r *Reader) ListConfigs(ctx context.Context, function, marker string) (p reconcile.Page[reconcile.Record], err error) {
	about := r.conn.about(opListConfigs, function, desired.Latest)
	out, err := r.client.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxConfigs),
	})
	if err != nil {
		return p, about.failed(err)
	}
	return page(about, out.ResultMetadata, out.FunctionEventInvokeConfigs, "FunctionEventInvokeConfigs", out.NextMarker,
		func(_ int, c *types.FunctionEventInvokeConfig) (reconcile.Record, error) {
			return toRecord(about.target, function, c)
		})
}

// ListAliases implements reconcile.Reader.
func (r *Reader) ListAliases(ctx context.Context, function, marker string) (p reconcile.Page[string], err error) {
	about := r.conn.about(opListAliases, function, desired.Latest)
	out, err := r.client.ListAliases(ctx, &lambda.ListAliasesInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxAliases),
	})
	if err != nil {
		return p, about.failed(err)
	}
	return page(about, out.ResultMetadata, out.Aliases, "Aliases", out.NextMarker,
		func(i int, a *types.AliasConfiguration) (string, error) { return about.named(i, a.Name, a.AliasArn) })
}

// ListVersions implements reconcile.Reader. $LATEST, which every listing of
// versions begins with, is no published version and is left out.
func (r *Reader) ListVersions(ctx context.Context, function, marker string) (p reconcile.Page[string], err error) {
	about := r.conn.about(opListVersions, function, desired.Latest)
	out, err := r.client.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{
		FunctionName: &function, Marker: optional(marker), MaxItems: aws.Int32(maxVersions),
	})
	if err != nil {
		return p, about.failed(err)
	}
	p, err = page(about, out.ResultMetadata, out.Versions, "Versions", out.NextMarker,
		func(i int, f *types.FunctionConfiguration) (string, error) {
			return about.named(i, f.Version, f.FunctionArn)
		})
	p.Items = slices.DeleteFunc(p.Items, func(v string) bool { return v == desired.Latest })
	return p, err
}

// ListFunctions reads the target's functions.
func (r *Reader) ListFunctions(ctx context.Context, marker string) (p reconcile.Page[reconcile.Function], err error) {
	about := r.conn.about(opListFunctions, "", desired.Latest)
	out, err := r.client.ListFunctions(ctx, &lambda.ListFunctionsInput{
		Marker: optional(marker), MaxItems: aws.Int32(maxFunctions),
	})
	if err != nil {
		return p, about.failed(err)
	}
	return page(about, out.ResultMetadata, out.Functions, "Functions", out.NextMarker,
		func(i int, f *types.FunctionConfiguration) (reconcile.Function, error) {
			name, err := about.named(i, f.FunctionName, f.FunctionArn)
			return reconcile.Function{Name: name, FunctionDetails: desired.FunctionDetails{
				Role: aws.ToString(f.Role), DeadLetter: aws.ToString(or(f.DeadLetterConfig).TargetArn),
			}}, err
		})
}

// page takes a page out of an answer, each entry of its list converted.
func page[T, R any](about call, md middleware.Metadata, list []T, key string, next *string, convert func(int, *T) (R, error)) (p reconcile.Page[R], err error) {
	err = listed(list, key)
	items := make([]R, len(list))
	for i := 0; i < len(list) && err == nil; i++ {
		items[i], err = convert(i, &list[i])
	}
	if err != nil {
		return p, about.badAnswer(md, err)
	}
	return reconcile.Page[R]{Items: items, Next: aws.ToString(next)}, nil
}

// named is the name of an entry, whose ARN must be of the call's function in its target.
// A listing of functions has no function.
func (c call) named(i int, name, arn *string) (string, error) {
	if aws.ToString(name) == "" {
		return "", fmt.Errorf("entry %d of the list has no name", i+1)
	}
	if arn == nil {
		return *name, nil
	}
	_, err := qualifierIn(c.target, cmp.Or(c.name.Function, *name), *arn)
	return *name, err
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

// Writer changes one target. Its client cannot send anything but the three
// writes.
type Writer struct {
	conn   *Conn
	client *lambda.Client
}

var _ reconcile.Writer = (*Writer)(nil)

// NewWriter makes a Writer over a connection.
func NewWriter(c *Conn) *Writer { return &Writer{conn: c, client: c.client(writeOperations)} }

// Put implements reconcile.Writer.
func (w *Writer) Put(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.conn.about(opPut, name.Function, name.Qualifier)
	out, err := w.client.PutFunctionEventInvokeConfig(ctx, toWrite(name, c))
	if err != nil {
		return reconcile.Record{}, naming(c, about.failed(err))
	}
	return stored(about, out, out.ResultMetadata)
}

// Update implements reconcile.Writer.
func (w *Writer) Update(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.conn.about(opUpdate, name.Function, name.Qualifier)
	in := lambda.UpdateFunctionEventInvokeConfigInput(*toWrite(name, c))
	out, err := w.client.UpdateFunctionEventInvokeConfig(ctx, &in)
	if err != nil {
		return reconcile.Record{}, naming(c, about.failed(err))
	}
	return stored(about, out, out.ResultMetadata)
}

// Delete implements reconcile.Writer. Lambda gives one 404 for a missing
// function, qualifier and record: in each case there is no record, as asked.
func (w *Writer) Delete(ctx context.Context, name desired.Name) error {
	_, err := w.client.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{
		FunctionName: &name.Function, Qualifier: qualifier(name),
	})
	if err == nil {
		return nil
	}
	err = w.conn.about(opDelete, name.Function, name.Qualifier).failed(err)
	if kind := callerr.KindOf(err); kind == callerr.RecordMissing || kind == callerr.FunctionMissing {
		return nil
	}
	return err
}

// stored is the record that a write answered with, if it is the one asked for.
func stored(about call, out any, md middleware.Metadata) (reconcile.Record, error) {
	r, err := toRecord(about.target, about.name.Function, written(out))
	if err == nil && r.Qualifier != about.name.Qualifier {
		err = fmt.Errorf("the answer is about the qualifier %s, and %s was written", r.Qualifier, about.name.Qualifier)
	}
	if err != nil {
		return reconcile.Record{}, about.badAnswer(md, err)
	}
	return r, nil
}

// naming adds to a refusal the destination that it is about, where AWS's text names
// none: the only one that was sent, or for a text about S3 the bucket.
func naming(c desired.Config, err error) error {
	e, ok := errors.AsType[*callerr.Error](err)
	if !ok || e.Kind != callerr.Refused && e.Kind != callerr.Role || strings.Contains(e.Message, "arn:") {
		return err
	}
	var sent []string
	for _, v := range c {
		if strings.HasPrefix(v.Text(), "arn:") && (!strings.Contains(e.Message, "S3") || strings.Contains(v.Text(), ":s3:")) {
			sent = append(sent, v.Text())
		}
	}
	e.Destination = strings.Join(sent, " ")
	return err
}

// InvokeLater asks Lambda to invoke a function by itself, and does not wait for it.
// This is how an invocation hands on what it has no time for; no run makes the call.
func InvokeLater(ctx context.Context, e Environment, function string, payload []byte) error {
	cfg, err := LoadConfig(ctx, e)
	if err != nil {
		return err
	}
	_, err = lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(function), InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		return AsCallError(function, err)
	}
	return nil
}
