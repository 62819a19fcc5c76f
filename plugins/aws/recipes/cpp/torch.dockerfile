# PyTorch's own build for processors without CUDA. The checksum of this archive could not be verified
# where this was written: its version alone is pinned.
FROM tools AS torch
RUN fetch "https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-2.2.2%2Bcpu.zip" torch.zip unknown \
    && unzip -q torch.zip -d /opt && find /opt/libtorch/lib -name '*.so*' -exec strip --strip-unneeded {} + \
    && rm torch.zip
