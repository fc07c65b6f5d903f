package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// S3 keeps a history under a prefix of a bucket, with the conditional writes
// that S3 has had since 2024. It needs s3:ListBucket on the bucket, and
// s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix.
func S3(client *s3.Client, bucket, prefix string) Store {
	return &bucketStore{client: client, bucket: bucket, prefix: strings.Trim(prefix, "/")}
}

type bucketStore struct {
	client *s3.Client
	bucket string
	prefix string // without slashes at its ends; "" for the whole bucket
}

// newS3Client reads the environment. A custom endpoint is spoken to with the
// bucket in the path, because few of them own a wildcard host name.
func newS3Client(ctx context.Context) (*s3.Client, error) {
	cfg, err := awslambda.LoadConfig(ctx, awslambda.Environment{Limit: requestLimit})
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }), nil
}

// requestLimit bounds one attempt of a request to S3: a record of a large run has
// some megabytes.
const requestLimit = 30 * time.Second

func (b *bucketStore) String() string {
	return "s3://" + path.Join(b.bucket, b.prefix)
}

func (b *bucketStore) key(name string) *string { return new(path.Join(b.prefix, name)) }

func (b *bucketStore) Create(ctx context.Context, name string, data []byte) (Tag, error) {
	tag, err := b.put(ctx, name, data, &s3.PutObjectInput{IfNoneMatch: new("*")})
	if errors.Is(err, errCondition) {
		err = ErrExists
	}
	return tag, b.fail("create", name, err)
}

func (b *bucketStore) Replace(ctx context.Context, name string, data []byte, tag Tag) (Tag, error) {
	tag, err := b.put(ctx, name, data, &s3.PutObjectInput{IfMatch: new(string(tag))})
	if errors.Is(err, errCondition) || errors.Is(err, ErrAbsent) {
		err = ErrChanged
	}
	return tag, b.fail("replace", name, err)
}

// put sends a conditional write. When the condition fails it looks whether the
// object holds data all the same: then an earlier attempt was done although
// its answer was lost.
func (b *bucketStore) put(ctx context.Context, name string, data []byte, in *s3.PutObjectInput) (Tag, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	in.Bucket, in.Key, in.ContentType = &b.bucket, b.key(name), new("application/json")
	var stored *s3.PutObjectOutput
	err := whileBusy(ctx, func() (err error) {
		in.Body = bytes.NewReader(data)
		stored, err = b.client.PutObject(ctx, in)
		return conditionOf(err)
	})
	if err == nil {
		return tagOf(stored.ETag), nil
	}
	if errors.Is(err, errCondition) || errors.Is(err, ErrAbsent) {
		if found, tag, e := b.get(ctx, name); e == nil && bytes.Equal(found, data) {
			return tag, nil
		}
	}
	return "", err
}

func (b *bucketStore) Delete(ctx context.Context, name string, tag Tag) error {
	if err := checkName(name); err != nil {
		return err
	}
	// AWS holds the condition itself, and nothing comes between. Other servers do not know
	// If-Match here and delete whatever is there, so it is looked at first.
	err := whileBusy(ctx, func() error {
		out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: b.key(name)})
		switch {
		case err != nil:
		case tagOf(out.ETag) != tag:
			return errCondition
		default:
			_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(name), IfMatch: new(string(tag))})
		}
		return conditionOf(err)
	})
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case errors.Is(err, errCondition):
		err = ErrChanged
	}
	return b.fail("delete", name, err)
}

func (b *bucketStore) Read(ctx context.Context, name string) ([]byte, Tag, error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	data, tag, err := b.get(ctx, name)
	return data, tag, b.fail("read", name, err)
}

func (b *bucketStore) get(ctx context.Context, name string) ([]byte, Tag, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: b.key(name)})
	if err != nil {
		return nil, "", conditionOf(err)
	}
	data, err := io.ReadAll(out.Body)
	return data, tagOf(out.ETag), errors.Join(err, out.Body.Close())
}

func (b *bucketStore) List(ctx context.Context, folder string) ([]string, error) {
	keys, err := b.keys(ctx, folder)
	for i, key := range keys {
		keys[i], _, _ = cutPart(key)
	}
	return slices.Compact(keys), b.fail("list", folder, err)
}

func (b *bucketStore) Folders(ctx context.Context, folder string) ([]string, error) {
	prefix := b.below(folder)
	var names []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix, Delimiter: new("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fail("list", folder, conditionOf(err))
		}
		for _, below := range page.CommonPrefixes {
			names = append(names, path.Base(*below.Prefix))
		}
	}
	slices.Sort(names)
	return names, nil
}

// below is the beginning of all keys in a folder.
func (b *bucketStore) below(folder string) string {
	prefix := path.Join(b.prefix, folder)
	if prefix != "" {
		prefix += "/"
	}
	return prefix
}

// keys lists what is below a folder, as names; S3 sorts them by their bytes.
func (b *bucketStore) keys(ctx context.Context, folder string) ([]string, error) {
	prefix := b.below(folder)
	var names []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, conditionOf(err)
		}
		for _, object := range page.Contents {
			name := strings.TrimPrefix(strings.TrimPrefix(*object.Key, b.prefix), "/")
			if checkName(name) == nil { // a console makes "folders": names that end in a slash
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func tagOf(etag *string) Tag {
	if etag == nil {
		return ""
	}
	return Tag(*etag)
}

// busyTries is how often S3 is asked again after 409, which says that another
// conditional write of the same key is under way: nothing was decided.
const busyTries = 8

// whileBusy calls again, a little later each time, while S3 answers 409.
func whileBusy(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		err := call()
		if !errors.Is(err, errBusy) || try == busyTries {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * 50 * time.Millisecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// conditionOf tells apart the answers that belong to the contract.
func conditionOf(err error) error {
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) {
		return err
	}
	switch code := codeOf(err); {
	case status.HTTPStatusCode() == http.StatusPreconditionFailed:
		return errCondition
	case status.HTTPStatusCode() == http.StatusConflict && (code == "ConditionalRequestConflict" || code == "OperationAborted"):
		return errors.Join(errBusy, err)
	case status.HTTPStatusCode() == http.StatusNotFound && code != "NoSuchBucket":
		return ErrAbsent
	}
	return err
}

// partMark stands between the name of a log and the offset of one of its
// parts. The offsets have a fixed width, so that S3 lists the parts in order.
const partMark = "/part-"

// partReaders is how many parts of a log are read at once.
const partReaders = 8

func partName(log string, offset int64) string {
	return fmt.Sprintf("%s%s%019d", log, partMark, offset)
}

// cutPart takes apart the name of a part; an object's name is returned whole.
func cutPart(name string) (log string, offset int64, is bool) {
	i := strings.LastIndex(name, partMark)
	if i < 0 {
		return name, 0, false
	}
	offset, err := strconv.ParseInt(name[i+len(partMark):], 10, 64)
	if err != nil {
		return name, 0, false
	}
	return name[:i], offset, true
}

// Append stores one object, which holds a batch and is named by its offset. Two
// writers cannot both have the offset.
func (b *bucketStore) Append(ctx context.Context, name string, offset int64, data []byte) error {
	_, err := b.put(ctx, partName(name, offset), data, &s3.PutObjectInput{IfNoneMatch: new("*")})
	if errors.Is(err, errCondition) {
		err = ErrChanged
	}
	return b.fail("append to", name, err)
}

// ReadLog puts the parts of a log together.
func (b *bucketStore) ReadLog(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, err := b.parts(ctx, name)
	return data, b.fail("read", name, err)
}

// DeleteLog removes the parts of a log from its end: what is left is a log.
func (b *bucketStore) DeleteLog(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	keys, err := b.keys(ctx, name)
	for _, key := range slices.Backward(keys) {
		if _, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(key)}); err != nil {
			break
		}
	}
	return b.fail("delete", name, err)
}

func (b *bucketStore) parts(ctx context.Context, name string) ([]byte, error) {
	keys, err := b.keys(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, ErrAbsent
	}
	parts := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partReaders)
	for i, key := range keys {
		group.Go(func() (err error) {
			parts[i], _, err = b.get(ctx, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var end int64
	for i, key := range keys {
		if _, offset, is := cutPart(key); !is || offset != end {
			hole := fmt.Sprintf("the part that begins at byte %d is missing: %s is there instead; bring it back from a version of the bucket", end, key)
			return bytes.Join(parts[:i], nil), &damagedError{hole}
		}
		end += int64(len(parts[i]))
	}
	return bytes.Join(parts, nil), nil
}

var (
	errCondition = errors.New("the condition of the write does not hold")
	errBusy      = errors.New("another conditional write is under way")
)

// codeOf is S3's error code, or "".
func codeOf(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// fail says where, what S3 answered, and what helps. Of an answer it repeats
// the code, S3's message and the request's id, and nothing that was sent.
func (b *bucketStore) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &StoreError{Op: op, Name: "s3://" + b.bucket + "/" + *b.key(name), Err: err}
	if errors.Is(err, ErrExists) || errors.Is(err, ErrChanged) || errors.Is(err, ErrAbsent) {
		return e
	}
	var status interface{ HTTPStatusCode() int }
	if !errors.As(err, &status) || status.HTTPStatusCode() == 0 { // the SDK's 0 is no answer at all
		var call *reconcile.CallError
		if !errors.Is(err, context.Canceled) && errors.As(awslambda.AsCallError("", err), &call) {
			call.Op = "" // the StoreError says what was done to what
			e.Err, e.Hint = call, cmp.Or(call.Hint, "check the network, AWS_REGION and the credentials")+", or choose another place with --history"
		}
		return e
	}
	e.Err = answer{err, status.HTTPStatusCode()}
	switch {
	case codeOf(err) == "NoSuchBucket":
		e.Hint = "make the bucket, or correct --history"
	case status.HTTPStatusCode() == http.StatusForbidden:
		e.Hint = fmt.Sprintf("allow s3:ListBucket on %s, and s3:GetObject, s3:PutObject and s3:DeleteObject on %s/*", b.bucket, b)
	case status.HTTPStatusCode() == http.StatusMovedPermanently, status.HTTPStatusCode() == http.StatusBadRequest:
		e.Hint = "set AWS_REGION to the bucket's region"
	default:
		e.Hint = "try again, or choose another place with --history"
	}
	return e
}

// answer is an error that S3 sent, reduced to what a person needs.
type answer struct {
	err    error
	status int
}

func (a answer) Error() string {
	text := fmt.Sprintf("S3 answered %d", a.status)
	if code := codeOf(a.err); code != "" {
		text += " " + code
	}
	var api interface{ ErrorMessage() string }
	if errors.As(a.err, &api) && api.ErrorMessage() != "" {
		text += ": " + api.ErrorMessage()
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(a.err, &request) && request.ServiceRequestID() != "" {
		text += " [request " + request.ServiceRequestID() + "]"
	}
	return text
}

func (a answer) Unwrap() error { return a.err }
