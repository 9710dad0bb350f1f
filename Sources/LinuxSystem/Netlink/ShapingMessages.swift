import CLinux
import Errors

// Traffic control (tc(8)), in the words of rtnetlink(7).

extension NetlinkBatch {
    /// Lets what leaves by an interface pass at no more than `bitsPerSecond` (tc-tbf(8)); packets that would wait for longer
    /// than 50 ms are dropped.
    public mutating func limitRate(of link: Int32, bitsPerSecond: UInt64, mtu: UInt32) {
        message(Int(RTM_NEWQDISC), NLM_F_CREATE | NLM_F_REPLACE, "limit rate", "of interface \(link)") {
            var header = tcmsg()
            header.tcm_ifindex = link
            header.tcm_handle = 1 << 16
            header.tcm_parent = UInt32.max  // TC_H_ROOT
            $0.append(header: header)
            $0.attribute(Int(TCA_KIND), "tbf")
            let rate = max(bitsPerSecond / 8, 1)
            // 10 ms of traffic at once, and never less than the largest packet, which would be dropped for ever.
            let burst = UInt32(clamping: max(rate / 100, UInt64(mtu) * 2))
            $0.nested(Int(TCA_OPTIONS)) {
                var parameters = tc_tbf_qopt()
                parameters.rate.rate = UInt32(clamping: rate)
                // Without it the kernel asks for a table of transmission times.
                parameters.rate.linklayer = 1  // TC_LINKLAYER_ETHERNET
                parameters.limit = UInt32(clamping: UInt64(burst) + rate / 20)
                parameters.mtu = mtu
                $0.attribute(Int(TCA_TBF_PARMS), header: parameters)
                if rate > UInt64(UInt32.max) { $0.attribute(Int(TCA_TBF_RATE64), rate) }
                $0.attribute(Int(TCA_TBF_BURST), burst)
            }
        }
    }
}
