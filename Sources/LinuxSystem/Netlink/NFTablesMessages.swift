import CLinux
import Errors

/// Changes to one nftables table, all or none (nft(8), libnftnl's messages). Numbers go in network order.
public struct NFTablesTransaction: Sendable {
    public private(set) var batch = NetlinkBatch()
    private let table: String

    /// A transaction on `table` of the inet family.
    public init(table: String) {
        self.table = table
        batch.message(Int(NFNL_MSG_BATCH_BEGIN), 0, "begin nftables transaction", table) {
            $0.append(header: NFTablesTransaction.header(family: 0, subject: NFNL_SUBSYS_NFTABLES))
        }
    }

    /// Removes a table of this name with all in it, if there is one, and makes it anew.
    public mutating func replaceTable() {
        addTable()
        removeTable()
        addTable()
    }

    public mutating func addTable() {
        message(NFT_MSG_NEWTABLE, NLM_F_CREATE, "make table", table) { [table] in
            $0.attribute(NFTA_TABLE_NAME, table)
            $0.big(NFTA_TABLE_FLAGS, 0)
        }
    }

    /// Errors when run: ENOENT when there is none.
    public mutating func removeTable() {
        message(NFT_MSG_DELTABLE, 0, "remove table", table) { [table] in $0.attribute(NFTA_TABLE_NAME, table) }
    }

    public enum Hook: UInt32, Sendable { case prerouting = 0, input, forward, output, postrouting }
    public enum ChainType: String, Sendable { case filter, nat }

    /// A chain that the kernel runs; what no rule decides passes.
    public mutating func addChain(_ name: String, _ type: ChainType, hook: Hook, priority: Int32) {
        message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "make chain", name) { [table] in
            $0.attribute(NFTA_CHAIN_TABLE, table)
            $0.attribute(NFTA_CHAIN_NAME, name)
            $0.nested(NFTA_CHAIN_HOOK) {
                $0.big(NFTA_HOOK_HOOKNUM, hook.rawValue)
                $0.big(NFTA_HOOK_PRIORITY, UInt32(bitPattern: priority))
            }
            $0.big(NFTA_CHAIN_POLICY, UInt32(NF_ACCEPT))
            $0.attribute(NFTA_CHAIN_TYPE, type.rawValue)
        }
    }

    /// A chain that others jump to.
    public mutating func addChain(_ name: String) {
        message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "make chain", name) { [table] in
            $0.attribute(NFTA_CHAIN_TABLE, table)
            $0.attribute(NFTA_CHAIN_NAME, name)
        }
    }

    /// Adds a rule at the end of a chain.
    public mutating func addRule(_ chain: String, _ rule: (inout NFTablesRule) -> Void) {
        message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add rule to chain", chain) { [table] in
            $0.attribute(NFTA_RULE_TABLE, table)
            $0.attribute(NFTA_RULE_CHAIN, chain)
            $0.nested(NFTA_RULE_EXPRESSIONS) {
                var expressions = NFTablesRule(batch: $0)
                rule(&expressions)
                $0 = expressions.batch
            }
        }
    }

    /// What keys and values are made of, for `nft list`; the kernel itself looks at the lengths only.
    public enum Field: UInt32, Sendable {
        case ipv4 = 7
        case ipv6 = 8
        case transport = 12
        case port = 13

        /// In registers of four bytes.
        var length: UInt32 { self == .ipv6 ? 16 : 4 }

        static func type(_ fields: [Field]) -> UInt32 { fields.reduce(0) { $0 << 6 | $1.rawValue } }
        static func length(_ fields: [Field]) -> UInt32 { fields.reduce(0) { $0 + $1.length } }
    }

    /// A set; with `values` a map. `id` is any number not used yet in this transaction.
    public mutating func addSet(_ name: String, id: UInt32, keys: [Field], values: [Field] = []) {
        message(NFT_MSG_NEWSET, NLM_F_CREATE, values.isEmpty ? "make set" : "make map", name) { [table] in
            $0.attribute(NFTA_SET_TABLE, table)
            $0.attribute(NFTA_SET_NAME, name)
            $0.big(NFTA_SET_FLAGS, values.isEmpty ? 0 : NFT_SET_MAP.rawValue)
            $0.big(NFTA_SET_KEY_TYPE, Field.type(keys))
            $0.big(NFTA_SET_KEY_LEN, Field.length(keys))
            if !values.isEmpty {
                $0.big(NFTA_SET_DATA_TYPE, Field.type(values))
                $0.big(NFTA_SET_DATA_LEN, Field.length(values))
            }
            $0.big(NFTA_SET_ID, id)
        }
    }

    /// An entry of a set or a map, each field padded to four bytes.
    public struct Element: Sendable, Hashable {
        public var key: [UInt8]
        public var value: [UInt8]

        public init(key: [UInt8], value: [UInt8] = []) {
            self.key = key
            self.value = value
        }
    }

    /// One that is there already with the same value is fine.
    public mutating func addElements(_ elements: [Element], to set: String) {
        // The list must fit the 64 KiB of an attribute.
        for start in stride(from: 0, to: elements.count, by: 256) {
            let part = elements[start..<min(start + 256, elements.count)]
            self.elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, "add elements to", set, part)
        }
    }

    /// Errors when run: ENOENT when one is not there.
    public mutating func removeElements(_ elements: [Element], from set: String) {
        for start in stride(from: 0, to: elements.count, by: 256) {
            let part = elements[start..<min(start + 256, elements.count)].map { Element(key: $0.key) }
            self.elements(NFT_MSG_DELSETELEM, 0, "remove elements from", set, part[...])
        }
    }

    private mutating func elements(
        _ type: nf_tables_msg_types, _ flags: Int32, _ action: String, _ set: String, _ elements: ArraySlice<Element>
    ) {
        message(type, flags, action, set) { [table] in
            $0.attribute(NFTA_SET_ELEM_LIST_TABLE, table)
            $0.attribute(NFTA_SET_ELEM_LIST_SET, set)
            $0.nested(NFTA_SET_ELEM_LIST_ELEMENTS) {
                for element in elements {
                    $0.nested(NFTA_LIST_ELEM) {
                        $0.data(NFTA_SET_ELEM_KEY, element.key)
                        if !element.value.isEmpty { $0.data(NFTA_SET_ELEM_DATA, element.value) }
                    }
                }
            }
        }
    }

    /// The messages to run: from here on nothing may be added.
    public consuming func finished() -> NetlinkBatch {
        // The kernel acknowledges what lies between the brackets, the brackets themselves only lately.
        batch.acknowledge()
        batch.message(Int(NFNL_MSG_BATCH_END), 0, "end nftables transaction", table) {
            $0.append(header: NFTablesTransaction.header(family: 0, subject: NFNL_SUBSYS_NFTABLES))
        }
        return batch
    }

    private mutating func message(
        _ type: nf_tables_msg_types, _ flags: Int32, _ action: String, _ object: String,
        _ body: (inout NetlinkBatch) -> Void
    ) {
        let number = Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue)
        batch.message(number, flags, action, object == table ? table : "\(table) \(object)") {
            $0.append(header: NFTablesTransaction.header(family: UInt8(NFPROTO_INET), subject: 0))
            body(&$0)
        }
    }

    static func header(family: UInt8, subject: Int32) -> nfgenmsg {
        nfgenmsg(nfgen_family: family, version: UInt8(NFNETLINK_V0), res_id: UInt16(subject).bigEndian)
    }
}

extension NetlinkMessage {
    /// The name of the table that an event of the NFNLGRP_NFTABLES group is about, of the inet family; nil for another.
    public var nftablesTable: String? {
        guard Int(type) >> 8 == Int(NFNL_SUBSYS_NFTABLES), Int(type) & 0xff != Int(NFT_MSG_NEWGEN.rawValue),
            payload.first == UInt8(NFPROTO_INET)
        else { return nil }
        // The first attribute of tables, chains, rules, sets and elements alike.
        return attributes(after: MemoryLayout<nfgenmsg>.size)[Int(NFTA_TABLE_NAME.rawValue)]?.text
    }
}

// The named enums of nftables' headers, and numbers in network order.
extension NetlinkBatch {
    mutating func attribute<Name: RawRepresentable<UInt32>>(_ type: Name, _ text: String) {
        attribute(Int(type.rawValue), text)
    }

    mutating func nested<Name: RawRepresentable<UInt32>>(_ type: Name, _ body: (inout NetlinkBatch) -> Void) {
        nested(Int(type.rawValue), body)
    }

    mutating func big<Name: RawRepresentable<UInt32>>(_ type: Name, _ number: UInt32) {
        attribute(Int(type.rawValue), number.bigEndian)
    }

    mutating func data<Name: RawRepresentable<UInt32>>(_ type: Name, _ value: [UInt8]) {
        nested(type) { $0.attribute(Int(NFTA_DATA_VALUE.rawValue), value) }
    }
}
