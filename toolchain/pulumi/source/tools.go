//go:build tools

// Package tools pins what the Pulumi CLI is built from: `go mod tidy` reads the import, nothing is compiled here.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
