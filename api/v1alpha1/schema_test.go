// SPDX-License-Identifier: Apache-2.0
package v1alpha1_test
const crdDir = "../../config/crd/bases"
