// SPDX-License-Identifier: Apache-2.0

// Package gitops tests what the tools of GitOps make of policies and providers:
// Argo CD, with its own Lua engine, settings, diff and sync library, and Flux and
// Helm, which share the library kstatus. The objects are those of the real operator
// on a real API server.
//
// The test data of config/argocd is what the operator wrote. The tests compare it
// with what it writes now, and write it anew with
//
//	go test -run TestEveryStateIsRecorded . -update
package gitops
