// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/tracing"
	"github.com/aws/smithy-go/tracing/smithyoteltracing"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// stopTracing bounds the time for sending what is left.
const stopTracing = 5 * time.Second

// tracingOptions are the flags of the verb controller about OpenTelemetry traces.
type tracingOptions struct {
	enabled bool
}

func (o *tracingOptions) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&o.enabled, "tracing", false, "send OpenTelemetry traces over gRPC to where the OTEL_EXPORTER_OTLP_* variables say")
}

// traces are where spans go; nil for nowhere.
type traces struct {
	provider *sdktrace.TracerProvider
}

// start begins to send traces, if that is wanted. No connection is made for it: one
// that cannot be made is logged, time and again.
func (o *tracingOptions) start(ctx context.Context) (*traces, error) {
	if !o.enabled {
		return nil, nil
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up --tracing: %w", err)
	}
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES count for more than these.
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "bucketcors"), attribute.String("service.version", buildVersion())), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("set up --tracing: %w", err)
	}
	otel.SetLogger(ctrl.Log.WithName("opentelemetry"))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { ctrl.Log.Error(err, "send traces") }))
	return &traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(discreet{exporter}), sdktrace.WithResource(described))}, nil
}

// stop sends what is left. That nobody takes it is no failure of the operator.
func (t *traces) stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTracing)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		ctrl.Log.Error(err, "send the last traces")
	}
}

// requestsToS3 gets the spans of the AWS SDK; nil for none.
func (t *traces) requestsToS3() tracing.TracerProvider {
	if t == nil {
		return nil
	}
	return smithyoteltracing.Adapt(t.provider)
}

// requestsTo adds spans of the requests to the API server that belong to a pass,
// and not of its watches.
func (t *traces) requestsTo(cluster *rest.Config) {
	if t == nil {
		return
	}
	cluster.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(t.provider),
			otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanContextFromContext(r.Context()).IsValid() }))
	})
}

// passes makes a span of each pass of a reconciler.
func (t *traces) passes(over string) func(reconcile.Reconciler) reconcile.Reconciler {
	if t == nil {
		return nil
	}
	tracer := t.provider.Tracer("github.com/bucketcors/bucketcors")
	return func(next reconcile.Reconciler) reconcile.Reconciler {
		return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
			ctx, span := tracer.Start(ctx, "Reconcile "+over, trace.WithAttributes(
				attribute.String("k8s.namespace.name", request.Namespace), attribute.String("name", request.Name)))
			defer span.End()
			result, err := next.Reconcile(ctx, request)
			if err != nil {
				span.SetStatus(codes.Error, "")
			}
			return result, err
		})
	}
}

// discreet exports spans without the texts of errors, as they are at their source:
// the SDK quotes what it was given for credentials when it does not understand it.
// The log has them in a form that is fit for it.
type discreet struct {
	sdktrace.SpanExporter
}

func (d discreet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	fit := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		fit[i] = discreetSpan{span}
	}
	return d.SpanExporter.ExportSpans(ctx, fit)
}

type discreetSpan struct {
	sdktrace.ReadOnlySpan
}

// chosenByServers are the attributes in which a server may say anything, such as the
// token that it was sent.
var chosenByServers = []attribute.Key{"api.error_code", "aws.request_id"}

// identifier is what these are of a server that means well.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (s discreetSpan) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool {
		return strings.HasSuffix(string(a.Key), "message") ||
			slices.Contains(chosenByServers, a.Key) && !identifier.MatchString(a.Value.AsString())
	})
}

// Events are those of errors.
func (discreetSpan) Events() []sdktrace.Event { return nil }

func (s discreetSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
