// SPDX-License-Identifier: Apache-2.0
//
// Shows that the comparison can fail: a correct tree document, damaged field by field.
#ifndef NSTRAIL_VMTESTS_SELF_TEST_HPP
#define NSTRAIL_VMTESTS_SELF_TEST_HPP

namespace vmtests {

// 0 when the correct document passes and every damage is reported; else prints what was missed.
int self_test();

}  // namespace vmtests

#endif
