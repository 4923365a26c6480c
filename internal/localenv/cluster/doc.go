// SPDX-License-Identifier: Apache-2.0

// Package cluster runs a whole Kubernetes cluster of one node on this machine, with an S3 server that its pods reach.
//
// It needs Linux, root and the container runtime of the distribution; [Missing] says what is not there. Everything else is what
// localenv builds.
//
// The cluster lives in namespaces of its own, as a container does: process ids, mounts and network. So it needs no care to be
// ended: when the first process of the namespaces ends, the kernel ends all others, containers and their shims among them, and
// takes the mounts, the network interfaces and the rules of the packet filter along. This machine sees one network interface,
// bucketcorsN, through which the node, pods and Services are reached, and control groups below one name. Nothing else of
// it changes: no setting of the kernel, no rule of its packet filter, no file outside of the state directory. Nothing of the
// cluster listens on another address, and pods reach nothing but the cluster and the S3 server.
//
// What a cluster elsewhere has and this one has not: DNS (pods reach Services by their addresses), NetworkPolicies that
// are enforced, and a registry (images are loaded, see [Cluster.LoadImage]).
package cluster
