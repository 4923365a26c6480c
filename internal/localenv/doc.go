// SPDX-License-Identifier: Apache-2.0

// Package localenv runs a real Kubernetes control plane and a real S3 server on this machine, for tests and the demo.
//
// [Ensure] provides the programs: etcd, kube-apiserver, kubectl and versitygw, compiled from their Go modules once and then
// kept in the user's cache directory. [StartControlPlane] and [StartS3] run them on loopback addresses. What was started ends
// with the process that started it, however that process ends, unless Detach was called. [EnsureNode] provides what package
// cluster needs besides, which runs a whole cluster.
//
// The versions are pinned in the modules hack/controlplane and hack/s3server and stand nowhere else.
package localenv
