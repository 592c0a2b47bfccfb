// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
)

// The sockets of OVN's databases on a controller.
const (
	NorthboundSocket = "unix:/var/run/ovn/ovnnb_db.sock"
	SouthboundSocket = "unix:/var/run/ovn/ovnsb_db.sock"
)

// Remote is where a database answers.
type Remote struct {
	Endpoint string // as ovsdb(7) has it: unix:PATH or ssl:ADDRESS:PORT
	// For ssl: files with this node's certificate, its key, and the authorities of the database's. They are
	// read for each connection, since they are renewed.
	Certificate, Key, Authorities string
}

const (
	connectTimeout = 5 * time.Second
	// A database that answers no echo for so long is gone: of a machine without power no other sign comes.
	echoEvery, echoTimeout = 2 * time.Second, 3 * time.Second
)

// errDisconnected means that the database has closed the connection, or answers no more.
var errDisconnected = errors.New("the connection was lost")

func (r Remote) tls() (*tls.Config, error) {
	if !strings.HasPrefix(r.Endpoint, "ssl:") {
		return nil, nil
	}
	own, err := tls.LoadX509KeyPair(r.Certificate, r.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate for OVN's database: %w", err)
	}
	pem, err := os.ReadFile(r.Authorities)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities for OVN's database: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the authorities for OVN's database: no certificate in %s", r.Authorities)
	}
	return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// connect opens a connection. It does not come back by itself after it was lost: whoever watches connects
// anew and reads everything again.
func connect(ctx context.Context, r Remote, rows model.ClientDBModel) (client.Client, error) {
	config, err := r.tls()
	if err != nil {
		return nil, err
	}
	quiet := logr.Discard() // errors are returned; the library would write to standard error
	options := []client.Option{client.WithEndpoint(r.Endpoint), client.WithLogger(&quiet)}
	if config != nil {
		options = append(options, client.WithTLSConfig(config))
	}
	c, err := client.NewOVSDBClient(rows, options...)
	if err != nil {
		return nil, fmt.Errorf("reading OVN's database at %s: %w", r.Endpoint, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer in %s", connectTimeout))
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		return nil, fmt.Errorf("connecting to OVN's database at %s: %w", r.Endpoint, err)
	}
	return c, nil
}

// subscribe connects and reads the rows; from then on event is called after each change. tables must name the columns:
// otherwise the library has the database send all, and drops an update with one that the row's type lacks.
func subscribe(
	ctx context.Context, r Remote, rows model.ClientDBModel, tables []client.MonitorOption, event func(),
) (client.Client, error) {
	c, err := connect(ctx, r, rows)
	if err != nil {
		return nil, err
	}
	c.Cache().AddEventHandler(anyEvent(event))
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer in %s", connectTimeout))
	defer cancel()
	if _, err := c.Monitor(ctx, c.NewMonitor(tables...)); err != nil {
		c.Close()
		return nil, fmt.Errorf("reading OVN's database at %s: %w", r.Endpoint, err)
	}
	return c, nil
}

// watch calls changed with what read makes of the rows whenever that is another, the first time at once. It returns
// when ctx is done, the connection is lost, or read returns an error.
func watch[T any](
	ctx context.Context, r Remote, rows model.ClientDBModel, tables []client.MonitorOption,
	read func(client.Client) (T, error), equal func(T, T) bool, changed func(client.Client, T),
) error {
	dirty := make(chan struct{}, 1)
	c, err := subscribe(ctx, r, rows, tables, func() {
		select {
		case dirty <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	lost := c.DisconnectNotify()
	last, err := read(c)
	if err != nil {
		return err
	}
	changed(c, last)
	echo := time.NewTicker(echoEvery)
	defer echo.Stop()
	answers := make(chan error, 1)
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lost:
			return fmt.Errorf("watching OVN's database at %s: %w", r.Endpoint, errDisconnected)
		case <-dirty:
			now, err := read(c)
			if err != nil {
				return err
			}
			if !equal(now, last) {
				changed(c, now)
			}
			last = now
		case <-echo.C:
			if waiting {
				continue
			}
			waiting = true
			go func() {
				ctx, cancel := context.WithTimeoutCause(ctx, echoTimeout, fmt.Errorf("no answer in %s", echoTimeout))
				defer cancel()
				answers <- c.Echo(ctx)
			}()
		case err := <-answers:
			if waiting = false; err != nil && ctx.Err() == nil {
				return fmt.Errorf("watching OVN's database at %s: %w: %w", r.Endpoint, errDisconnected, err)
			}
		}
	}
}

// anyEvent is a handler of the library's cache that makes no difference between events.
type anyEvent func()

func (f anyEvent) OnAdd(string, model.Model)                 { f() }
func (f anyEvent) OnUpdate(string, model.Model, model.Model) { f() }
func (f anyEvent) OnDelete(string, model.Model)              { f() }
